//! Address to line, line to address, and the bytes without source.

use binary::{BinaryError, Program};

use crate::compiled::Bench;

#[test]
fn a_function_an_address_and_a_line_lead_to_each_other() {
    let bench = Bench::new();
    let bytes = bench.program("", "", &["-O2", "-g"]);
    let program = Program::open(&bytes).unwrap();
    let found = program.functions("verify").unwrap();
    assert_eq!(found.len(), 1);
    let place = found[0].place.clone().unwrap();
    assert!(place.file.unwrap().ends_with("src/main.c"));
    assert_eq!(place.line, Some(12));
    let ranges = program.addresses_of("src/main.c", 14);
    let inside = found[0].address..found[0].address + found[0].bytes;
    assert!(!ranges.is_empty());
    assert!(
        ranges.iter().all(|range| inside.contains(&range.start)),
        "{ranges:?}"
    );
    assert!(program.addresses_of("main.c", 9999).is_empty());
    assert!(program.functions("nothing").unwrap().is_empty());
}

#[test]
fn an_inlined_function_is_told_with_the_one_it_is_in() {
    let bench = Bench::new();
    let bytes = bench.program("", "", &["-O2", "-g"]);
    let program = Program::open(&bytes).unwrap();
    let ranges = program.addresses_of("main.c", 20);
    let chains: Vec<Vec<(Option<String>, bool)>> = ranges
        .iter()
        .map(|range| {
            let places = program.place_of(range.start).unwrap();
            places
                .into_iter()
                .map(|place| (place.function, place.inlined))
                .collect()
        })
        .collect();
    let wanted = vec![
        (Some("twice".to_owned()), true),
        (Some("main".to_owned()), false),
    ];
    assert!(chains.contains(&wanted), "{chains:?}");
}

#[test]
fn compressed_debug_information_is_read_like_any_other() {
    let bench = Bench::new();
    let bytes = bench.program("", "", &["-O2", "-g", "-gz=zlib"]);
    let program = Program::open(&bytes).unwrap();
    assert!(!program.addresses_of("main.c", 12).is_empty());
}

#[test]
fn code_without_lines_and_symbols_is_told_with_its_share() {
    let bench = Bench::new();
    let hidden = r#"__asm__(".text\n.skip 64, 0x50\n");"#;
    let text = format!("{hidden}\n{}", crate::compiled::with("", ""));
    let bytes = bench.gcc(&text, &["-O2", "-g"]);
    let program = Program::open(&bytes).unwrap();
    let coverage = program.without_source();
    let sum = coverage.line_bytes
        + coverage.symbol_bytes
        + coverage.padding_bytes
        + coverage.without_bytes;
    assert_eq!(sum, coverage.executable_bytes);
    assert!(coverage.line_bytes > 100, "{coverage:?}");
    assert!(
        coverage.ranges.iter().any(|range| {
            range.section == ".text" && !range.padding && range.end - range.start >= 64
        }),
        "{coverage:?}"
    );
    assert!(coverage.hundredths(coverage.without_bytes) > 0);
}

#[test]
fn a_stripped_program_has_no_source_at_all() {
    let bench = Bench::new();
    let bytes = bench.stripped("", &["-O2"]);
    let program = Program::open(&bytes).unwrap();
    assert!(!program.has_lines());
    let coverage = program.without_source();
    assert_eq!((coverage.line_bytes, coverage.symbol_bytes), (0, 0));
    assert!(
        program
            .place_of(coverage.ranges[0].start)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn what_is_no_linked_program_is_refused_by_name() {
    let bench = Bench::new();
    let object = bench.gcc("int x(void) { return 1; }\n", &["-c"]);
    assert!(matches!(
        Program::open(&object),
        Err(BinaryError::NotLinked)
    ));
    assert!(matches!(
        Program::open(b"text"),
        Err(BinaryError::NotElf { .. })
    ));
    let program = bench.program("", "", &[]);
    assert!(matches!(
        Program::open(&program[..program.len() / 2]),
        Err(BinaryError::Damaged { .. })
    ));
}
