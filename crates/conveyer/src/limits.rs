//! Every limit of this room, in one place.

/// Longest recipe, bytes.
pub(crate) const RECIPE_BYTES_MAX: u64 = 64 * 1024;
/// Most words of a build command, and most environment variables of a recipe.
pub(crate) const WORDS_MAX: usize = 64;
/// Longest word of a build command or value of a variable, bytes.
pub(crate) const WORD_BYTES_MAX: usize = 4096;
/// Most steps, and most tests, of a recipe.
pub(crate) const STEPS_MAX: usize = 64;
/// Most artifacts of a recipe; a statement names them all.
pub(crate) const ARTIFACTS_MAX: usize = 32;
/// Most values that one argument may have.
pub(crate) const ARGUMENT_VALUES_MAX: usize = 32;
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
/// How deep submodules may be nested.
pub(crate) const SUBMODULE_DEPTH_MAX: usize = 8;
/// Biggest source archive, bytes.
pub(crate) const ARCHIVE_BYTES_MAX: u64 = 4 << 30;
/// Longest pax record block, bytes: room for one path and one link target.
pub(crate) const PAX_BYTES_MAX: u64 = 4096;
/// Longest environment lock, bytes.
pub(crate) const LOCK_BYTES_MAX: usize = 16 << 20;
/// Biggest file of an environment, bytes.
pub(crate) const INPUT_BYTES_MAX: u64 = 1 << 30;
/// Longest Cargo.lock, bytes.
pub(crate) const LOCKFILE_BYTES_MAX: u64 = 4 << 20;
/// Most crates of a Cargo.lock.
pub(crate) const CRATES_MAX: usize = 4_096;
/// Biggest `.crate` file, bytes.
pub(crate) const CRATE_BYTES_MAX: u64 = 256 << 20;
/// What one crate may unpack to, bytes, with the padding of its archive.
pub(crate) const CRATE_UNPACKED_BYTES_MAX: u64 = 2 << 30;
/// Most files of one crate.
pub(crate) const CRATE_FILES_MAX: usize = 50_000;
/// Most bytes that the archive of one input may unpack to, and its own size.
pub(crate) const UNPACKED_BYTES_MAX: u64 = 8 << 30;
/// Most members of the archive of one input.
pub(crate) const MEMBERS_MAX: u64 = 200_000;
/// Most memory for the dictionary of a decoder, KiB (`xz -9` wants 64 MiB).
pub(crate) const DECODER_KIB_MAX: u32 = 192 << 10;
/// Most spoiled files of one archive that are replaced in one go.
pub(crate) const SPOILED_MAX: u64 = 1000;
/// Biggest artifact, bytes.
pub(crate) const ARTIFACT_BYTES_MAX: u64 = 1 << 30;
/// What is kept of the end of each of the two outputs of a build, bytes.
pub(crate) const LOG_TAIL_BYTES: usize = 8 * 1024;
/// Bytes moved at once when streaming.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;
