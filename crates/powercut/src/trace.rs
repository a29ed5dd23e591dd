//! What `strace` writes, as system calls with the moments at which each began and ended.
//!
//! ```text
//! 812  fdatasync(9<\x2f\x64> <unfinished ...>
//! 813  pwrite64(4<\x2f\x66>, "\x68\x69", 2, 4096) = 2
//! 812  <... fdatasync resumed>)          = 0
//! ```
//!
//! A moment is a line number. `strace` stops a thread at the beginning and at the end of a call
//! and writes one line after the other, so whatever a thread did because of something it saw
//! stands below it.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail, ensure};

/// The calls that are recorded: all that change files or names, make them durable, or talk.
pub(crate) const CALLS: &str = "open,openat,creat,close,dup,dup2,dup3,fcntl,lseek,write,writev,\
pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,rename,renameat,renameat2,link,linkat,\
symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync_file_range,sync,syncfs,\
msync,mmap,sendfile,copy_file_range,splice,sendto,sendmsg,recvfrom,recvmsg,accept,accept4,connect,\
io_uring_setup";

/// One system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// As written, split at the commas between them.
    pub(crate) arguments: Vec<String>,
    /// What it returned; `None` if the process ended before it did.
    pub(crate) returned: Option<i64>,
    pub(crate) began: usize,
    pub(crate) ended: usize,
}

impl Call {
    /// An argument, empty if there are fewer.
    pub(crate) fn argument(&self, at: usize) -> &str {
        self.arguments.get(at).map_or("", String::as_str)
    }

    /// The number an argument begins with: a file descriptor, a size.
    pub(crate) fn number(&self, at: usize) -> Result<i64> {
        leading_number(self.argument(at))
            .with_context(|| format!("argument {at} of {self:.200?} is no number"))
    }

    /// All bytes that are quoted in an argument, one string after the other.
    pub(crate) fn bytes(&self, at: usize) -> Result<Vec<u8>> {
        let text = self.argument(at);
        ensure!(!text.contains("\"..."), "{} is cut short", self.name);
        let mut bytes = Vec::new();
        for quoted in text.split('"').skip(1).step_by(2) {
            unescape(quoted, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// The file or folder that is written behind a descriptor.
    pub(crate) fn annotation(&self, at: usize) -> Result<String> {
        let inside = self.argument(at).split_once('<');
        let inside = inside.and_then(|(_, rest)| rest.split_once('>'));
        let mut bytes = Vec::new();
        unescape(inside.map_or("", |(text, _)| text), &mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn leading_number(text: &str) -> Option<i64> {
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || (*at == 0 && *c == '-')));
    text[..end.map_or(text.len(), |(at, _)| at)].parse().ok()
}

/// `\x68\x69` with `-xx`; anything else means that it was not used.
fn unescape(text: &str, bytes: &mut Vec<u8>) -> Result<()> {
    for pair in text.split("\\x").skip(1) {
        let byte = hex::decode(pair).with_context(|| format!("`\\x{pair}` is no byte"))?;
        bytes.extend(byte);
    }
    ensure!(
        text.is_empty() || text.starts_with("\\x"),
        "`{text:.40}` is not in hexadecimal"
    );
    Ok(())
}

/// Reads a whole recording of one process; its threads are told apart only to join the two halves
/// of a call. Moments count from `first`.
pub(crate) fn parse(text: &str, first: usize) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    let mut open: HashMap<&str, (String, String, usize)> = HashMap::new();
    for (moment, line) in (first..).zip(text.lines()) {
        let (thread, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let (name, tail) = resumed
                .split_once(" resumed>")
                .with_context(|| format!("line {moment} resumes nothing"))?;
            let Some((begun, head, began)) = open.remove(thread) else {
                bail!("line {moment} resumes a call that never began");
            };
            ensure!(begun == name, "line {moment} resumes {name}, not {begun}");
            calls.push(call(&begun, &(head + tail), began, moment)?);
            continue;
        }
        let (name, tail) = rest
            .split_once('(')
            .with_context(|| format!("line {moment} is no call: {rest:.80}"))?;
        match tail.strip_suffix("<unfinished ...>") {
            Some(head) => {
                open.insert(
                    thread,
                    (name.to_owned(), head.trim_end().to_owned(), moment),
                );
            }
            None => calls.push(call(name, tail, moment, moment)?),
        }
    }
    let last = first + text.lines().count();
    for (name, head, began) in open.into_values() {
        calls.push(Call {
            name,
            arguments: split(&head),
            returned: None,
            began,
            ended: last,
        });
    }
    Ok(calls)
}

/// `tail` is everything behind the opening parenthesis.
fn call(name: &str, tail: &str, began: usize, ended: usize) -> Result<Call> {
    let (arguments, result) = tail
        .rsplit_once(" = ")
        .with_context(|| format!("{name} at {began} has no result"))?;
    let arguments = arguments.trim_end();
    let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
    Ok(Call {
        name: name.to_owned(),
        arguments: split(arguments),
        returned: leading_number(result.trim_start()),
        began,
        ended,
    })
}

/// Strings hold no commas (`-xx`); structures and arrays may.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_i32;
    for c in text.chars() {
        depth += i32::from(matches!(c, '{' | '[')) - i32::from(matches!(c, '}' | ']'));
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut()
            && !(part.is_empty() && c == ' ')
        {
            part.push(c);
        }
    }
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &str = r#"812  fdatasync(9<\x2f\x64> <unfinished ...>
813  pwrite64(4<\x2f\x66>, "\x68\x69", 2, 4096) = 2
812  <... fdatasync resumed>)          = 0
813  --- SIGCHLD {si_signo=SIGCHLD} ---
813  writev(5<\x73>, [{iov_base="\x61", iov_len=1}, {iov_base="\x62\x63", iov_len=2}], 2) = 3
813  openat(AT_FDCWD<\x2f\x72>, "\x61", O_RDONLY) = -1 ENOENT (No such file or directory)
813  recvfrom(5<\x73>,  <unfinished ...>
812  fsync(9<\x2f\x64> <unfinished ...>
813  <... recvfrom resumed>"\x78", 8192, 0, NULL, NULL) = 1
812  +++ killed by SIGKILL +++
"#;

    #[test]
    fn a_call_in_two_halves_has_two_moments() {
        let calls = parse(TEXT, 100).unwrap();
        let sync = calls.iter().find(|c| c.name == "fdatasync").unwrap();
        assert_eq!((sync.began, sync.ended, sync.returned), (100, 102, Some(0)));
        assert_eq!(sync.annotation(0).unwrap(), "/d");
        let received = calls.iter().find(|c| c.name == "recvfrom").unwrap();
        assert_eq!((received.began, received.ended), (106, 108));
        assert_eq!(received.bytes(1).unwrap(), b"x");
    }

    #[test]
    fn arguments_are_read_as_bytes_and_numbers() {
        let calls = parse(TEXT, 0).unwrap();
        let write = calls.iter().find(|c| c.name == "pwrite64").unwrap();
        assert_eq!(write.bytes(1).unwrap(), b"hi");
        assert_eq!(write.number(3).unwrap(), 4096);
        let many = calls.iter().find(|c| c.name == "writev").unwrap();
        assert_eq!(many.bytes(1).unwrap(), b"abc");
        let open = calls.iter().find(|c| c.name == "openat").unwrap();
        assert_eq!(open.returned, Some(-1));
    }

    #[test]
    fn a_call_that_the_end_cut_off_has_no_result() {
        let calls = parse(TEXT, 0).unwrap();
        let cut = calls.iter().find(|c| c.name == "fsync").unwrap();
        assert_eq!(cut.returned, None);
    }

    #[test]
    fn a_string_that_was_cut_short_is_refused() {
        let calls = parse("1  write(3<\\x2f>, \"\\x61\"..., 9) = 9\n", 0).unwrap();
        assert!(calls[0].bytes(1).is_err());
    }
}
