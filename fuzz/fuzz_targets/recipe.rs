//! Recipes: what is accepted keeps to its limits and is named by its own bytes.
#![no_main]

use conveyer::Recipe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(recipe) = Recipe::parse(bytes) {
        assert_eq!(recipe.digest, tlog::sha256(bytes));
        assert_eq!(Recipe::parse(bytes).expect("as before"), recipe);
        assert!(!recipe.command.is_empty(), "nothing to run");
        let inner = &recipe.inner_path;
        assert!(inner.starts_with("/build/"), "built in {inner}");
        assert!(
            !inner.split('/').any(|part| part == ".."),
            "built in {inner}"
        );
        assert!(!recipe.artifact_name.contains('/'), "a name that is a path");
    }
});
