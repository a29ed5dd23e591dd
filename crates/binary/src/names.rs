//! Names of functions: for people, and without the numbers that compilers append.

/// The name as the source has it; Rust's hash at the end is left out.
pub(crate) fn demangled(raw: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(raw))
}

/// The name for pairing functions of two builds: numbered clones (`.158`, `.llvm.93`, `.part.0`,
/// `.isra.0`, `.constprop.2`) are one name.
pub(crate) fn normalised(raw: &str) -> String {
    let name = demangled(raw);
    let mut end = name.len();
    while let Some(dot) = name[..end].rfind('.') {
        let part = &name[dot + 1..end];
        let number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let clone = matches!(
            part,
            "llvm" | "part" | "isra" | "constprop" | "lto_priv" | "localalias"
        );
        if dot == 0 || !(number || clone) {
            break;
        }
        end = dot;
    }
    name[..end].to_owned()
}

/// Whether a name given by a person means this function: all of it, or its last parts.
pub(crate) fn means(asked: &str, raw: &str) -> bool {
    if raw == asked {
        return true;
    }
    let name = normalised(raw);
    name.strip_suffix(asked)
        .is_some_and(|before| before.is_empty() || before.ends_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_clones_are_no_part_of_a_name() {
        assert_eq!(normalised("check.158"), "check");
        assert_eq!(normalised("check.part.0.llvm.1234"), "check");
        assert_eq!(normalised("check.cold"), "check.cold");
        assert_eq!(normalised(".5"), ".5");
        assert_eq!(
            normalised("_ZN4mini6verify17h0123456789abcdefE"),
            "mini::verify"
        );
    }

    #[test]
    fn a_function_is_meant_by_all_or_the_last_parts_of_its_name() {
        assert!(means("verify", "_ZN4mini6verify17h0123456789abcdefE"));
        assert!(means("mini::verify", "_ZN4mini6verify17h0123456789abcdefE"));
        assert!(!means("ify", "_ZN4mini6verify17h0123456789abcdefE"));
        assert!(means("main", "main"));
    }
}
