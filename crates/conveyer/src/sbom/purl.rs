//! Package URLs (purl-spec): names of packages that other programs understand.

use std::fmt::Write;

/// Where the registry that purl takes for granted keeps its index; a crate of any other one says which.
const DEFAULT_INDEX: &str = "/crates.io-index";

/// A crate from a registry or a git repository, by `source` as in `Cargo.lock`.
pub(super) fn of_crate(name: &str, version: &str, source: &str) -> String {
    let plain = of_known_crate(name, version);
    let Some((kind, url)) = source.split_once('+') else {
        return plain;
    };
    match kind {
        "git" => {
            let (url, commit) = url.rsplit_once('#').unwrap_or((url, ""));
            let url = url.split('?').next().unwrap_or(url);
            let at = if commit.is_empty() { "" } else { "@" };
            let value = format!("git+{url}{at}{commit}");
            format!("{plain}?vcs_url={}", encode(&value, b"/"))
        }
        _ if url.ends_with(DEFAULT_INDEX) => plain,
        _ => format!("{plain}?repository_url={}", encode(url, b"/")),
    }
}

/// A crate of the registry that purl takes for granted.
pub(super) fn of_known_crate(name: &str, version: &str) -> String {
    format!("pkg:cargo/{}@{}", encode(name, b""), encode(version, b""))
}

/// A Debian package; with the release's code name if it is known.
pub(super) fn of_debian(name: &str, version: &str, codename: Option<&str>) -> String {
    let distro = codename.map(|name| format!("?distro={}", encode(name, b"")));
    format!(
        "pkg:deb/debian/{}@{}{}",
        encode(name, b""),
        encode(version, b""),
        distro.unwrap_or_default()
    )
}

/// Percent-encoding, with the characters that purl never encodes and those of `also` as they are.
fn encode(text: &str, also: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) || also.contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes all");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_says_where_it_comes_from_unless_everybody_knows() {
        let known = "registry+https://registry.example/crates.io-index";
        assert_eq!(of_crate("hex", "0.4.3", known), "pkg:cargo/hex@0.4.3");
        assert_eq!(
            of_crate(
                "zstd-sys",
                "2.0.1+zstd.1.5",
                "sparse+https://other.example/index/"
            ),
            "pkg:cargo/zstd-sys@2.0.1%2Bzstd.1.5?repository_url=https://other.example/index/"
        );
        assert_eq!(
            of_crate("a", "1.0.0", "git+https://git.example/a?rev=12#12ab"),
            "pkg:cargo/a@1.0.0?vcs_url=git%2Bhttps://git.example/a%4012ab"
        );
    }

    #[test]
    fn a_debian_version_keeps_its_epoch_and_tilde() {
        assert_eq!(
            of_debian("libstdc++6", "4:12.2.0-3~deb12+1", Some("bookworm")),
            "pkg:deb/debian/libstdc%2B%2B6@4:12.2.0-3~deb12%2B1?distro=bookworm"
        );
    }
}
