//! What a run ran on, and how much memory a process took.

use std::fs;

/// The largest resident memory a process had so far, in MiB; of this one without a number.
pub fn peak_mib(process: Option<u32>) -> anyhow::Result<f64> {
    let process = process.map_or("self".to_owned(), |id| id.to_string());
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or(0.0);
    Ok(kib / 1024.0)
}

/// Seconds of processor time a process took so far.
pub fn cpu_seconds(process: Option<u32>) -> anyhow::Result<f64> {
    let process = process.map_or("self".to_owned(), |id| id.to_string());
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = behind_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|number| number.parse::<f64>().ok())
        .sum();
    // USER_HZ is 100 on every Linux this runs on.
    Ok(ticks / 100.0)
}

/// Prints processor, cores, memory and kernel.
pub fn show() -> anyhow::Result<()> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let value = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": "))
            .map_or("?", |(_, value)| value)
            .to_owned()
    };
    let flags = value("flags");
    let sha = flags.split(' ').any(|flag| flag == "sha_ni");
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    println!(
        "processor {}, {cores} cores, SHA-NI {sha}",
        value("model name")
    );
    println!("kernel {}", kernel.trim());
    let mut block = vec![0u8; 1024];
    let began = std::time::Instant::now();
    for n in 0..200_000u32 {
        block[..4].copy_from_slice(&n.to_be_bytes());
        block[4] ^= tlog::leaf_hash(&block).as_bytes()[0];
    }
    let rate = 200_000.0 * 1024.0 / began.elapsed().as_secs_f64() / 1e6;
    println!("SHA-256 of 1 KiB leaves: {rate:.0} MB/s on one core");
    Ok(())
}
