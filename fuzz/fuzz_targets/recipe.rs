//! Recipes: what is accepted keeps to its limits and is named by its own bytes.
#![no_main]

use conveyer::Recipe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(recipe) = Recipe::parse(bytes) {
        assert_eq!(recipe.digest, tlog::sha256(bytes));
        assert_eq!(Recipe::parse(bytes).expect("as before"), recipe);
        assert!(!recipe.steps.is_empty(), "nothing to run");
        assert!(!recipe.artifacts.is_empty(), "nothing comes out");
        let chosen = recipe.chosen();
        recipe.clone().choose(&chosen).expect("what is chosen may be chosen");
        let inner = &recipe.inner_path;
        assert!(inner.starts_with("/build/"), "built in {inner}");
        assert!(
            !inner.split('/').any(|part| part == ".."),
            "built in {inner}"
        );
        for artifact in &recipe.artifacts {
            let name = &artifact.name;
            assert!(!name.contains('/'), "{name} is a path");
        }
    }
});
