//! Every limit of this room, in one place.

/// Longest recipe, bytes.
pub(crate) const RECIPE_BYTES_MAX: u64 = 64 * 1024;
/// Most words of a build command, and most environment variables of a recipe.
pub(crate) const WORDS_MAX: usize = 64;
/// Longest word of a build command or value of a variable, bytes.
pub(crate) const WORD_BYTES_MAX: usize = 4096;
/// Most parallel jobs a recipe may ask for.
pub(crate) const JOBS_MAX: u32 = 64;
/// Longest path in a tree, bytes, and longest part of one.
pub(crate) const PATH_BYTES_MAX: usize = 1024;
/// Longest part of a path, bytes (what Linux file systems allow).
pub(crate) const PART_BYTES_MAX: usize = 255;
/// Most entries of a source archive.
pub(crate) const ENTRIES_MAX: usize = 100_000;
/// Biggest file in a source archive, bytes.
pub(crate) const SOURCE_FILE_BYTES_MAX: u64 = 1 << 30;
/// Biggest source archive, bytes.
pub(crate) const ARCHIVE_BYTES_MAX: u64 = 4 << 30;
/// Longest pax record block, bytes: room for one path and one link target.
pub(crate) const PAX_BYTES_MAX: u64 = 4096;
/// Longest environment lock, bytes.
pub(crate) const LOCK_BYTES_MAX: usize = 16 << 20;
/// Biggest file of an environment, bytes.
pub(crate) const INPUT_BYTES_MAX: u64 = 1 << 30;
/// Biggest artifact, bytes.
pub(crate) const ARTIFACT_BYTES_MAX: u64 = 1 << 30;
/// What is kept of the end of each of the two outputs of a build, bytes.
pub(crate) const LOG_TAIL_BYTES: usize = 8 * 1024;
/// Bytes moved at once when streaming.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;
