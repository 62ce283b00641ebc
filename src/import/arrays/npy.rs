//! The header of an `.npy` stream.
//!
//! The format is numpy's, versions 1 to 3: a magic string, a length, and a Python dictionary
//! with the keys `descr`, `fortran_order` and `shape`. The dictionary is read by a scanner
//! that knows only these three, and does not recurse: what a header may nest, it refuses.

use super::array::Element;
use crate::error::{Error, Result};
use crate::import::source::Source;
use crate::number::simulated::{Layout, Simulated};
use crate::tensor::{Data, Tensor};
use std::fmt::Display;
use std::io::{Read, Write};

/// The longest header read; numpy's own limit is 10 000 bytes.
const MAX_HEADER: u32 = 1 << 16;
/// numpy's own limit.
const MAX_RANK: usize = 64;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub element: Element,
    pub big_endian: bool,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
    /// Bytes that the header itself takes.
    pub length: u64,
}

/// Reads a header off the front of a stream.
pub(super) fn read_header(source: &Source, reader: &mut impl Read) -> Result<Header> {
    let [magic @ .., major, _minor] = read_array::<8>(source, reader)?;
    if &magic != b"\x93NUMPY" {
        return Err(not_npy(source, "does not begin like an .npy file"));
    }
    let (length, prefix) = match major {
        1 => (
            u32::from(u16::from_le_bytes(read_array(source, reader)?)),
            10,
        ),
        2 | 3 => (u32::from_le_bytes(read_array(source, reader)?), 12),
        _ => {
            return Err(not_npy(
                source,
                format!("has the .npy version {major}, which is unknown"),
            ));
        }
    };
    if length > MAX_HEADER {
        return Err(not_npy(source, format!("has a header of {length} bytes")));
    }
    let text = source.read_exactly(reader, u64::from(length))?;
    let text = String::from_utf8_lossy(&text);
    parse(source, &text, u64::from(prefix + length))
}

fn read_array<const N: usize>(source: &Source, reader: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    reader
        .read_exact(&mut bytes)
        .map_err(|e| not_npy(source, format!("has no whole header: {e}")))?;
    Ok(bytes)
}

fn not_npy(source: &Source, what: impl Display) -> Error {
    source
        .error(what)
        .remedy("write the file again with numpy.savez")
}

fn parse(source: &Source, text: &str, length: u64) -> Result<Header> {
    let malformed = || not_npy(source, "has a malformed header");
    let mut scan = Scanner { rest: text };
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    scan.eat("{").ok_or_else(malformed)?;
    while scan.eat("}").is_none() {
        let key = scan.string().ok_or_else(malformed)?;
        scan.eat(":").ok_or_else(malformed)?;
        match key {
            "descr" => descr = Some(scan.string().ok_or_else(|| structured(source))?),
            "fortran_order" => fortran_order = Some(scan.boolean().ok_or_else(malformed)?),
            "shape" => shape = Some(scan.extents().ok_or_else(malformed)?),
            _ => return Err(malformed()),
        }
        if scan.eat(",").is_none() {
            scan.eat("}").ok_or_else(malformed)?;
            break;
        }
    }
    let (Some(descr), Some(fortran_order), Some(shape), "") =
        (descr, fortran_order, shape, scan.rest.trim())
    else {
        return Err(malformed());
    };
    let (element, big_endian) = element(source, descr)?;
    Ok(Header {
        element,
        big_endian,
        fortran_order,
        shape,
        length,
    })
}

fn structured(source: &Source) -> Error {
    source
        .error("has a structured element type")
        .remedy("save one plain array per field: array['field']")
}

/// The element type, and whether its bytes are reversed.
fn element(source: &Source, descr: &str) -> Result<(Element, bool)> {
    let (order, kind) = match descr.split_at_checked(1) {
        Some((order @ ("<" | ">" | "|" | "="), kind)) => (order, kind),
        _ => ("|", descr),
    };
    let element = match kind {
        "f8" => Element::F64,
        "f4" => Element::F32,
        "f2" => Element::F16,
        "V2" => Element::Void2,
        "f1" => Element::E5M2,
        "V1" => Element::Void1,
        "i1" => Element::I8,
        "i2" => Element::I16,
        "i4" => Element::I32,
        "i8" => Element::I64,
        "u1" => Element::U8,
        "u2" => Element::U16,
        "u4" => Element::U32,
        "u8" => Element::U64,
        "b1" => Element::Bool,
        "O" => {
            return Err(source
                .error("holds Python objects")
                .remedy("save plain numbers: numpy.asarray(array, dtype=numpy.float32)"));
        }
        _ => {
            return Err(source
                .error(format!(
                    "has the element type {descr:?}, which is not supported"
                ))
                .remedy("save floats, integers or booleans of at most 64 bits"));
        }
    };
    Ok((element, order == ">" && element != Element::Void2))
}

/// Reads the literals of the dictionary off the front of a text.
struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn eat(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (text, rest) = rest.strip_prefix(quote)?.split_once(quote)?;
        self.rest = rest;
        Some(text)
    }

    fn boolean(&mut self) -> Option<bool> {
        if self.eat("True").is_some() {
            return Some(true);
        }
        self.eat("False").map(|()| false)
    }

    fn extents(&mut self) -> Option<Vec<usize>> {
        self.eat("(")?;
        let mut extents = Vec::new();
        while self.eat(")").is_none() {
            extents.push(self.integer()?);
            if extents.len() > MAX_RANK {
                return None;
            }
            if self.eat(",").is_none() {
                self.eat(")")?;
                break;
            }
        }
        Some(extents)
    }

    fn integer(&mut self) -> Option<usize> {
        let rest = self.rest.trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (digits, rest) = rest.split_at_checked(end)?;
        // Python 2 wrote long integers with an L.
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        digits.parse().ok()
    }
}

/// Writes a tensor as an `.npy` stream: f16 as float16, tf32 as float32, bf16
/// as its bits in uint16, narrower floats as theirs in uint8.
pub(super) fn write(out: &mut impl Write, tensor: &Tensor) -> std::io::Result<()> {
    let descr = match tensor.data() {
        Data::F64(_) => "<f8",
        Data::F32(_) | Data::TF32(_) => "<f4",
        Data::F16(_) => "<f2",
        Data::BF16(_) => "<u2",
        Data::E4M3(_) | Data::E5M2(_) | Data::E3M2(_) | Data::E2M3(_) | Data::E2M1(_) => "|u1",
        Data::I64(_) => "<i8",
        Data::Bool(_) => "|b1",
    };
    let extents: String = tensor.shape().iter().map(|n| format!("{n}, ")).collect();
    let dictionary =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({extents}), }}");
    // The data begin at a multiple of 64 bytes, as numpy has it, after a line feed.
    let padded = (10 + dictionary.len() + 1).next_multiple_of(64) - 10;
    let length = u16::try_from(padded).map_err(std::io::Error::other)?;
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&length.to_le_bytes())?;
    writeln!(out, "{dictionary:<width$}", width = padded - 1)?;
    match tensor.data() {
        Data::F64(d) => d.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Data::F32(d) => d.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Data::F16(d) => d.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Data::BF16(d) => d.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Data::TF32(d) => (d.iter()).try_for_each(|x| out.write_all(&x.to_f32().to_le_bytes())),
        Data::E4M3(d) => patterns(out, d),
        Data::E5M2(d) => patterns(out, d),
        Data::E3M2(d) => patterns(out, d),
        Data::E2M3(d) => patterns(out, d),
        Data::E2M1(d) => patterns(out, d),
        Data::I64(d) => d.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Data::Bool(d) => d.iter().try_for_each(|&b| out.write_all(&[u8::from(b)])),
    }
}

/// Bit patterns, one byte each; a NaN in a format that has none is an error.
fn patterns<L: Layout>(out: &mut impl Write, data: &[Simulated<L>]) -> std::io::Result<()> {
    data.iter().try_for_each(|x| {
        let bits = x.to_bits().and_then(|bits| u8::try_from(bits).ok());
        let bits = bits.ok_or_else(|| std::io::Error::other("a NaN in a format without one"))?;
        out.write_all(&[bits])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<Header> {
        let source = Source {
            file: Path::new("test.npz").into(),
            kind: "array",
            name: "x".to_owned(),
        };
        super::parse(&source, text, 0)
    }

    #[test]
    fn headers_as_numpy_and_others_write_them() {
        let header = |text| parse(text).map(|h| (h.element, h.big_endian, h.shape));
        let plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n";
        assert_eq!(header(plain), Ok((Element::F32, false, vec![3, 4])));
        let scalar = "{\"shape\":(),\"descr\":\">i8\",\"fortran_order\":True}";
        assert_eq!(header(scalar), Ok((Element::I64, true, vec![])));
        let long = "{'descr': '|V2', 'fortran_order': False, 'shape': (7L,)}";
        assert_eq!(header(long), Ok((Element::Void2, false, vec![7])));
    }

    #[test]
    fn malformed_headers_are_errors() {
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': ((((((1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} trailing",
            "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': 'é', 'fortran_order': False, 'shape': (1,)}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
