//! A zip archive's table of contents, read before the zip library sees the file.
//!
//! The library keeps one of several members of a name, silently, and makes room for as many
//! members as the file says it has. Both are checked here first.

use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// The end record without its comment, and the longest comment.
const END_RECORD: usize = 22;
const MAX_COMMENT: u64 = 0xffff;
/// A member's record without its name.
const MEMBER_RECORD: u64 = 46;

/// Where the table of contents is, and how many members it lists.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    pub start: u64,
    pub count: u64,
    size: u64,
}

/// Reads the table of contents; fails where two members have one name.
pub(super) fn scan(file: &mut File, length: u64) -> Result<Directory> {
    let directory = locate(file, length)?;
    let Directory { start, count, size } = directory;
    if start.saturating_add(size) > length || count > size / MEMBER_RECORD {
        return Err(not_zip("its table of contents lies outside the file"));
    }
    let bytes = read_at(file, start, size)?;
    let mut fields = Fields(&bytes);
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let name =
            member_name(&mut fields).ok_or_else(|| not_zip("its table of contents is damaged"))?;
        let name = std::str::from_utf8(name).map_err(|_| {
            Error::new("a member's name is not UTF-8").remedy("save the arrays under ASCII names")
        })?;
        if !names.insert(name) {
            return Err(
                Error::new(format!("has two members named `{}`", name.escape_debug()))
                    .remedy("write the file again, with every array once"),
            );
        }
    }
    Ok(directory)
}

/// Finds the end record, in its small or its 64-bit form.
fn locate(file: &mut File, length: u64) -> Result<Directory> {
    let tail_length = length.min(MAX_COMMENT + END_RECORD as u64);
    let tail = read_at(file, length - tail_length, tail_length)?;
    let end = (0..tail.len())
        .rev()
        .find(|&at| end_record(&tail, at).is_some());
    let Some((at, small)) = end.and_then(|at| Some((at, end_record(&tail, at)?))) else {
        return Err(not_zip("it has no end record"));
    };
    if small.count != 0xffff && small.start != 0xffff_ffff && small.size != 0xffff_ffff {
        return Ok(small);
    }
    // The locator of the 64-bit record stands just before the small record.
    let locator = at.checked_sub(20).and_then(|at| tail.get(at..));
    let position = locator.and_then(|bytes| {
        let mut fields = Fields(bytes);
        fields.signature(b"PK\x06\x07")?;
        fields.skip(4)?;
        fields.u64()
    });
    match position {
        None => Ok(small),
        Some(position) if position <= length.saturating_sub(56) => {
            wide_record(&read_at(file, position, 56)?)
                .ok_or_else(|| not_zip("its 64-bit end record is damaged"))
        }
        Some(_) => Err(not_zip("its 64-bit end record lies outside the file")),
    }
}

fn end_record(tail: &[u8], at: usize) -> Option<Directory> {
    let mut fields = Fields(tail.get(at..)?);
    fields.signature(b"PK\x05\x06")?;
    fields.skip(6)?;
    let count = u64::from(fields.u16()?);
    let size = u64::from(fields.u32()?);
    let start = u64::from(fields.u32()?);
    let comment = usize::from(fields.u16()?);
    (fields.0.len() == comment).then_some(Directory { start, count, size })
}

fn wide_record(bytes: &[u8]) -> Option<Directory> {
    let mut fields = Fields(bytes);
    fields.signature(b"PK\x06\x06")?;
    fields.skip(28)?;
    let count = fields.u64()?;
    let size = fields.u64()?;
    let start = fields.u64()?;
    Some(Directory { start, count, size })
}

fn member_name<'a>(fields: &mut Fields<'a>) -> Option<&'a [u8]> {
    fields.signature(b"PK\x01\x02")?;
    fields.skip(24)?;
    let name = usize::from(fields.u16()?);
    let extra = usize::from(fields.u16()?);
    let comment = usize::from(fields.u16()?);
    fields.skip(12)?;
    let name = fields.skip(name)?;
    fields.skip(extra)?;
    fields.skip(comment)?;
    Some(name)
}

fn read_at(file: &mut File, start: u64, count: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))
        .and_then(|_| file.take(count).read_to_end(&mut bytes))
        .map_err(|e| not_zip(format!("cannot be read: {e}")))?;
    Ok(bytes)
}

fn not_zip(why: impl std::fmt::Display) -> Error {
    Error::new(format!("is not a whole zip archive: {why}"))
        .remedy("write the file again with numpy.savez")
}

/// Little-endian fields, read off the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn skip(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.skip(N)?.try_into().ok()
    }

    fn signature(&mut self, expected: &[u8; 4]) -> Option<()> {
        (self.array()? == *expected).then_some(())
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
