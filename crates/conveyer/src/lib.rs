//! Room: builds and rebuilds from source in a sandbox
