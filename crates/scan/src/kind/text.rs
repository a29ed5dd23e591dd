//! Kinds of text: scripts, markup, mail, and files turned into text.

use super::Kind;
use crate::cursor::{find, find_any_case};

/// How much of a text is looked at.
const TEXT_HEAD_BYTES: usize = 4096;

pub(super) fn kind_of(bytes: &[u8]) -> Option<Kind> {
    let head = &bytes[..bytes.len().min(TEXT_HEAD_BYTES)];
    let bare = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if let Some(line) = bare.strip_prefix(b"#!") {
        return Some(interpreter(line));
    }
    let wide = bare.starts_with(b"\xff\xfe") || bare.starts_with(b"\xfe\xff");
    let odd = bare
        .iter()
        .filter(|byte| **byte < 9 || (14..32).contains(*byte) && **byte != 27)
        .count();
    if !wide && odd * 20 > bare.len() {
        return None;
    }
    let text = bare.trim_ascii_start();
    markup(text)
        .or_else(|| letter(bytes, text))
        .or_else(|| source(text))
        .or(Some(if odd == 0 || wide {
            Kind::Text
        } else {
            Kind::Data
        }))
}

fn interpreter(line: &[u8]) -> Kind {
    let line = &line[..line
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(line.len())
        .min(128)];
    let has = |name: &[u8]| find(line, name, 0).is_some();
    if has(b"python") {
        Kind::Python
    } else if has(b"perl") {
        Kind::Perl
    } else if has(b"php") {
        Kind::Php
    } else if has(b"node") {
        Kind::Javascript
    } else if has(b"pwsh") {
        Kind::Powershell
    } else if has(b"sh") {
        Kind::ShellScript
    } else {
        Kind::OtherScript
    }
}

fn markup(text: &[u8]) -> Option<Kind> {
    let starts = |prefix: &[u8]| {
        text.get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    if starts(b"<?php") {
        return Some(Kind::Php);
    }
    if starts(b"<?xml") {
        return Some(Kind::Xml);
    }
    let tags: [&[u8]; 9] = [
        b"<!doctype html",
        b"<html",
        b"<head",
        b"<body",
        b"<script",
        b"<a ",
        b"<hta:",
        b"<div",
        b"<iframe",
    ];
    tags.iter().any(|tag| starts(tag)).then_some(Kind::Html)
}

/// Mail, and files turned into text for it.
fn letter(bytes: &[u8], text: &[u8]) -> Option<Kind> {
    if text.starts_with(b"(This file must be converted with BinHex")
        || find(text, b"\n(This file must be converted with BinHex", 0).is_some()
    {
        return Some(Kind::Binhex);
    }
    if text.starts_with(b"From ") && looks_like_mail(text) {
        return Some(Kind::Mbox);
    }
    if looks_like_mail(text) {
        return Some(Kind::Mail);
    }
    let begins = crate::unpack::text::uu_begins(bytes, 0).is_some();
    begins.then_some(Kind::Uuencoded)
}

/// Two header fields of mail before the first empty line.
fn looks_like_mail(text: &[u8]) -> bool {
    const FIELDS: [&[u8]; 12] = [
        b"from:",
        b"to:",
        b"subject:",
        b"date:",
        b"message-id:",
        b"received:",
        b"mime-version:",
        b"content-type:",
        b"return-path:",
        b"delivered-to:",
        b"content-transfer-encoding:",
        b"x-mailer:",
    ];
    let mut found = 0;
    for line in text.split(|byte| *byte == b'\n').take(64) {
        if line.trim_ascii().is_empty() {
            break;
        }
        let is_field = FIELDS.iter().any(|field| {
            line.get(..field.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(field))
        });
        found += usize::from(is_field);
    }
    found >= 2
}

/// Words that only one language uses, each with how many of them must be there.
const WORDS: [(Kind, usize, &[&[u8]]); 6] = [
    (
        Kind::Vbscript,
        2,
        &[
            b"createobject",
            b"end sub",
            b"end function",
            b"attribute vb_",
            b"dim ",
            b"wscript.",
            b"option explicit",
            b"on error resume next",
        ],
    ),
    (
        Kind::Powershell,
        2,
        &[
            b"$env:",
            b"write-host",
            b"invoke-",
            b"new-object",
            b"param(",
            b"-executionpolicy",
            b"[system.",
            b"get-item",
        ],
    ),
    (
        Kind::Batch,
        2,
        &[
            b"@echo off",
            b"setlocal",
            b"%~dp0",
            b"goto ",
            b"if exist ",
            b"errorlevel",
            b"rem ",
        ],
    ),
    (
        Kind::Javascript,
        2,
        &[
            b"function ",
            b"var ",
            b"document.",
            b"window.",
            b"=>",
            b"const ",
            b"activexobject",
            b"eval(",
        ],
    ),
    (
        Kind::Python,
        2,
        &[
            b"\nimport ",
            b"\nfrom ",
            b"def ",
            b"__name__",
            b"elif ",
            b"self.",
        ],
    ),
    (
        Kind::Perl,
        2,
        &[b"use strict", b"my $", b"use warnings", b"sub ", b"@_"],
    ),
];

fn source(text: &[u8]) -> Option<Kind> {
    WORDS
        .iter()
        .find(|(_, least, words)| {
            words
                .iter()
                .filter(|word| find_any_case(text, word, 0).is_some())
                .count()
                >= *least
        })
        .map(|(kind, _, _)| *kind)
}
