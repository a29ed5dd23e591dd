//! Names of functions: for people, and without the numbers that compilers append.
//!
//! Rust: v0 and legacy mangling; C++: Itanium C++ ABI, "External Names".
//!
//! ```text
//! _ZN4mini6verify17h0123456789abcdefE   mini::verify
//! _ZN4geom6Circle4areaEd                geom::Circle::area(double)
//! ```

use std::fmt;

use cpp_demangle::{DemangleOptions, ParseOptions, Symbol};

use crate::limits::{MANGLED_BYTES_MAX, NAME_BYTES_MAX, NAME_DEPTH_MAX};

/// The name as the source has it; Rust's hash at the end is left out, C++'s parameters are there.
pub(crate) fn demangled(raw: &str) -> String {
    match rustc_demangle::try_demangle(raw) {
        Ok(name) => format!("{name:#}"),
        Err(_) => cpp(raw, DemangleOptions::new()).unwrap_or_else(|| raw.to_owned()),
    }
}

/// The name of a Rust function, or the symbol.
fn rust(raw: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(raw))
}

/// The name of a C++ function, if the symbol is one and its name is of a size for people.
fn cpp(raw: &str, options: DemangleOptions) -> Option<String> {
    if !raw.starts_with("_Z") || raw.len() > MANGLED_BYTES_MAX {
        return None;
    }
    let nesting = ParseOptions::default().recursion_limit(NAME_DEPTH_MAX);
    let symbol = Symbol::new_with_options(raw, &nesting).ok()?;
    let mut name = Bounded(String::new());
    let options = options.recursion_limit(NAME_DEPTH_MAX);
    symbol.structured_demangle(&mut name, &options).ok()?;
    Some(name.0)
}

/// Text that refuses to grow for ever.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > NAME_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// The name for pairing functions of two builds: numbered clones (`.158`, `.llvm.93`, `.part.0`,
/// `.isra.0`, `.constprop.2`) are one name. C++ symbols are paired as they are.
pub(crate) fn normalised(raw: &str) -> String {
    let name = rust(raw);
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

/// Whether a name given by a person means this function: all of it, or its last parts; in C++ with its
/// parameters or without.
pub(crate) fn means(asked: &str, raw: &str) -> bool {
    let is_end = |name: String| {
        name.strip_suffix(asked)
            .is_some_and(|before| before.is_empty() || before.ends_with("::"))
    };
    if raw == asked || is_end(normalised(raw)) {
        return true;
    }
    let bare = DemangleOptions::new().no_params().no_return_type();
    let forms = [DemangleOptions::new(), bare].into_iter();
    forms.filter_map(|form| cpp(raw, form)).any(is_end)
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

    #[test]
    fn cpp_names_are_shown_with_parameters_and_meant_with_or_without() {
        let area = "_ZN4geom6Circle4areaEd";
        assert_eq!(demangled(area), "geom::Circle::area(double)");
        for asked in [
            "area",
            "Circle::area",
            "geom::Circle::area(double)",
            "area(double)",
            area,
        ] {
            assert!(means(asked, area), "{asked}");
        }
        for asked in ["rea", "area(int)", "geom::area"] {
            assert!(!means(asked, area), "{asked}");
        }
        assert_eq!(demangled("_Znwm"), "operator new(unsigned long)");
        // What only begins like a name stays as it is; so do names for pairing.
        assert_eq!(demangled("_Zebra"), "_Zebra");
        assert_eq!(normalised("_ZN4geom6Circle4areaEd.part.0"), area);
    }

    #[test]
    fn a_cpp_name_that_doubles_with_each_part_is_not_written_out() {
        let digit = |at: usize| "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".as_bytes()[at] as char;
        let doubling = |parts: usize| {
            let part = |at: usize| format!("S_IS{0}_S{0}_E", digit(at));
            let parts: String = (0..parts).map(part).collect();
            format!("_Z1f1AIiE{parts}")
        };
        assert!(demangled(&doubling(2)).starts_with("f(A<int>, A<A<int>, A<int> >"));
        let hostile = doubling(30);
        assert_eq!(demangled(&hostile), hostile);
    }
}
