//! Every limit on what hostile input may cost, in one place.

/// A file or member larger than this is compared by its bytes only, and not opened as a program.
pub(crate) const FILE_BYTES_MAX: usize = 512 << 20;
/// All that is unpacked in one comparison, both sides together.
pub(crate) const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// Archives within archives: `.deb` holds `data.tar.xz` holds a tar holds an `ar`: four.
pub(crate) const DEPTH_MAX: usize = 8;
/// Members of one archive.
pub(crate) const MEMBERS_MAX: usize = 65_536;
/// Sections of one program.
pub(crate) const SECTIONS_MAX: usize = 65_536;
/// Functions of one program.
pub(crate) const FUNCTIONS_MAX: usize = 1_000_000;
/// Relocations read of one object file.
pub(crate) const RELOCATIONS_MAX: usize = 4_000_000;
/// Differences listed; the others are counted.
pub(crate) const DIFFERENCES_MAX: usize = 1_000;
/// Places inside one section that the rules look at; whatever lies behind them is unexplained.
pub(crate) const EXPLAINED_PLACES_MAX: usize = 100_000;
/// Pairs of texts shown per difference.
pub(crate) const EXAMPLES_MAX: usize = 3;
/// Characters of each shown text.
pub(crate) const SHOWN_CHARS_MAX: usize = 120;
/// Different pairs of build folders in one comparison (source, registry, toolchain, sysroot).
pub(crate) const FOLDER_PAIRS_MAX: usize = 4;
/// Paths in debug information that differ in the folder; each is looked for among all others.
pub(crate) const DEBUG_FOLDERS_MAX: usize = 1_000;
/// A path that is longer is no path.
pub(crate) const PATH_BYTES_MAX: usize = 4096;
/// `.debug_line`: a byte of it may become a row of 24 bytes in memory.
pub(crate) const DEBUG_LINE_BYTES_MAX: u64 = 64 << 20;
/// All DWARF sections of one program after decompression.
pub(crate) const DEBUG_BYTES_MAX: u64 = 1 << 30;
/// Answers to one question about a program.
pub(crate) const ANSWERS_MAX: usize = 10_000;
/// A signature of a platform.
pub(crate) const SIGNATURE_BYTES_MAX: usize = 1 << 20;
/// A longer C++ symbol is shown as it is.
pub(crate) const MANGLED_BYTES_MAX: usize = 4096;
/// A C++ name that grows longer is not written out: each part of a symbol may stand for all before it, twice.
pub(crate) const NAME_BYTES_MAX: usize = 16 << 10;
/// Nesting of a C++ symbol.
pub(crate) const NAME_DEPTH_MAX: u32 = 64;
/// Frames of inlined calls at one address.
pub(crate) const FRAMES_MAX: usize = 256;
