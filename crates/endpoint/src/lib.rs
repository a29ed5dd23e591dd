//! Room: installs only with proof; verifies for anyone
