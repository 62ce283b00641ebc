//! Array files: what is read, and what is refused.

#[path = "common/bad.rs"]
mod bad;

use bad::assert_names;
use gradbound::import::arrays::{self, Array, ArrayFile};
use gradbound::tensor::{DType, Shape, Tensor};
use half::{bf16, f16};
use std::io::{Cursor, Write};
use std::path::PathBuf;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A folder with one file in it.
struct Saved {
    path: PathBuf,
    _folder: TempDir,
}

fn save(name: &str, bytes: &[u8]) -> Saved {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Saved {
        path,
        _folder: folder,
    }
}

/// An `.npy` stream of version 1.
fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header =
        format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}          \n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, data) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn npz(descr: &str, shape: &str, data: &[u8]) -> Saved {
    save(
        "x.npz",
        &zip_of(&[("x.npy", &npy(descr, false, shape, data))]),
    )
}

fn one(saved: &Saved) -> Array {
    let file = arrays::read(&saved.path).unwrap();
    file.arrays.get("x").unwrap().clone()
}

#[track_caller]
fn refused(saved: &Saved, word: &str) {
    let error = arrays::read(&saved.path).expect_err("a bad file");
    assert_names(&error, &saved.path, word);
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.npz");
    let shape = [2, 3];
    let numbers = [0.0, -1.5, 2.0, f64::INFINITY, f64::NAN, 6.0];
    let tensors: Vec<(String, Tensor)> = [DType::F64, DType::F32, DType::F16, DType::BF16]
        .into_iter()
        .map(|t| {
            (
                t.name().to_owned(),
                Tensor::from_f64s(shape.into(), t, &numbers).unwrap(),
            )
        })
        .chain(DType::FLOATS[5..].iter().map(|&t| {
            let numbers = [0.0, -1.5, 2.0, -0.5, 1.0, 6.0];
            let tensor = Tensor::from_f64s(shape.into(), t, &numbers).unwrap();
            (t.name().to_owned(), tensor)
        }))
        .chain([
            (
                "i64".to_owned(),
                Tensor::i64s(shape, [1, -2, 3, i64::MAX, i64::MIN, 0]).unwrap(),
            ),
            (
                "bool".to_owned(),
                Tensor::bools([2], [true, false]).unwrap(),
            ),
            (
                "grad:a/b.0".to_owned(),
                Tensor::f32s(Shape::scalar(), [7.0]).unwrap(),
            ),
            ("empty".to_owned(), Tensor::f32s([0, 3], []).unwrap()),
        ])
        .collect();
    arrays::write_npz(&path, &tensors).unwrap();
    let file: ArrayFile = arrays::read(&path).unwrap();
    assert_eq!(file.path, path);
    assert_eq!(file.sha256.len(), 64);
    assert_eq!(file.arrays.len(), tensors.len());
    for (name, tensor) in &tensors {
        let back = file.arrays[name].to_tensor(tensor.dtype()).unwrap();
        assert_eq!(back.shape(), tensor.shape());
        assert_eq!(
            format!("{:?}", back.data()),
            format!("{:?}", tensor.data()),
            "{name}"
        );
    }
    let digest = arrays::read(&path).unwrap().sha256;
    assert_eq!(digest, file.sha256);
}

#[test]
fn replacing_a_file_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    for value in [1.0, 2.0] {
        let x = Tensor::f64s([1], [value]).unwrap();
        arrays::write_npz(&path, &[("x".to_owned(), x)]).unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let x = arrays::read(&path).unwrap().arrays["x"].to_f64s(DType::F64);
    assert_eq!(x.unwrap(), [2.0]);
}

#[test]
fn sixteen_bit_floats_in_all_their_clothes() {
    let f16_bits = f16::from_f32(1.5).to_le_bytes();
    let bf16_bits = bf16::from_f32(1.5).to_le_bytes();
    let wide = 1.5_f32.to_le_bytes();
    for (descr, data, dtype) in [
        ("'<f2'", &f16_bits[..], DType::F16),
        ("'<u2'", &f16_bits[..], DType::F16),
        ("'<u2'", &bf16_bits[..], DType::BF16),
        ("'|V2'", &bf16_bits[..], DType::BF16),
        ("'<V2'", &bf16_bits[..], DType::BF16),
        ("'<f4'", &wide[..], DType::BF16),
        ("'<f4'", &wide[..], DType::F16),
    ] {
        let x = one(&npz(descr, "(1,)", data));
        assert_eq!(
            x.to_tensor(dtype).unwrap().to_f64s(),
            [1.5],
            "{descr} {dtype}"
        );
        assert_eq!(x.to_f64s(dtype).unwrap(), [1.5]);
        // Bits are in the format that is audited, whatever the model's own type is.
        let rounded = x.to_rounded(DType::F32, dtype).unwrap();
        assert_eq!(rounded.dtype(), dtype);
        assert_eq!(rounded.to_f64s(), [1.5]);
    }
}

fn safetensors(length: u64, header: &[u8], data: &[u8]) -> Saved {
    let bytes = [&length.to_le_bytes(), header, data].concat();
    save("x.safetensors", &bytes)
}

#[test]
fn eight_bits_and_fewer_in_all_their_clothes() {
    let wide = 1.5_f32.to_le_bytes();
    for (bits, dtype) in [
        (0x3c, DType::E4M3),
        (0x3e, DType::E5M2),
        (0x0e, DType::E3M2),
        (0x0c, DType::E2M3),
        (0x03, DType::E2M1),
    ] {
        let plain = [("'|u1'", &[bits][..]), ("'<V1'", &[bits]), ("'<f4'", &wide)];
        for (descr, data) in plain {
            let x = one(&npz(descr, "(1,)", data));
            assert_eq!(x.to_tensor(dtype).unwrap().to_f64s(), [1.5], "{descr}");
            let rounded = x.to_rounded(DType::F32, dtype).unwrap();
            assert_eq!((rounded.dtype(), rounded.get(0)), (dtype, 1.5));
        }
        let third = one(&npz("'<f4'", "(1,)", &0.3_f32.to_le_bytes()));
        assert!(third.to_tensor(dtype).is_err(), "{dtype}");
    }
    let e5m2 = one(&npz("'<f1'", "(1,)", &[0x3e]));
    assert_eq!(e5m2.to_tensor(DType::F32).unwrap().to_f64s(), [1.5]);
    let beyond = npz("'|u1'", "(1,)", &[0x40]);
    let error = one(&beyond).to_tensor(DType::E3M2).unwrap_err();
    assert_names(&error, &beyond.path, "more bits");
    for (dtype, bits) in [("F8_E4M3", 0x3c), ("F8_E5M2", 0x3e)] {
        let header = format!(r#"{{"x":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,1]}}}}"#);
        let x = one(&safetensors(
            header.len() as u64,
            header.as_bytes(),
            &[bits],
        ));
        assert_eq!(x.to_tensor(DType::BF16).unwrap().to_f64s(), [1.5]);
    }
    let tf32 = one(&npz("'<f4'", "(1,)", &wide));
    assert_eq!(tf32.to_tensor(DType::TF32).unwrap().to_f64s(), [1.5]);
}

#[test]
fn no_conversion_rounds_unasked() {
    let third = (1.0_f64 / 3.0).to_le_bytes();
    let saved = npz("'<f8'", "(1,)", &third);
    let x = one(&saved);
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        assert_names(&x.to_tensor(dtype).unwrap_err(), &saved.path, "no value of");
    }
    assert!(x.to_f64s(DType::BF16).is_err());
    assert_eq!(x.to_f64s(DType::F32).unwrap(), [1.0 / 3.0]);
    assert_eq!(
        x.to_rounded(DType::F32, DType::F64).unwrap().to_f64s(),
        [1.0 / 3.0]
    );
    assert!(x.to_rounded(DType::F32, DType::BF16).is_err());
    let down = x.to_rounded(DType::F64, DType::F32).unwrap();
    assert_eq!(down.to_f64s(), [f64::from(1.0_f32 / 3.0)]);
    let large = npz("'<f4'", "(1,)", &1e6_f32.to_le_bytes());
    let error = one(&large).to_rounded(DType::F32, DType::F16).unwrap_err();
    assert_names(&error, &large.path, "overflows in f16");
    let ints = npz("'<i4'", "(1,)", &1_i32.to_le_bytes());
    assert_names(
        &one(&ints).to_tensor(DType::F32).unwrap_err(),
        &ints.path,
        "holds int32",
    );
}

#[test]
fn integers_and_booleans_of_every_width() {
    let minus = (-1_i64).to_le_bytes();
    for (descr, data, value) in [
        ("'|i1'", &minus[..1], -1),
        ("'<i2'", &minus[..2], -1),
        ("'<i4'", &minus[..4], -1),
        ("'<i8'", &minus[..8], -1),
        ("'|u1'", &minus[..1], 255),
        ("'<u2'", &minus[..2], 65535),
        ("'<u4'", &minus[..4], 4_294_967_295),
        ("'>i2'", &[0x12, 0x34][..], 0x1234),
    ] {
        let x = one(&npz(descr, "(1,)", data));
        assert_eq!(
            x.to_tensor(DType::I64).unwrap().as_i64s(),
            Some(&[value][..]),
            "{descr}"
        );
    }
    let huge = npz("'<u8'", "(1,)", &minus);
    assert_names(
        &one(&huge).to_tensor(DType::I64).unwrap_err(),
        &huge.path,
        "i64",
    );
    let exact = npz("'<i8'", "(1,)", &((1_i64 << 53) + 1).to_le_bytes());
    assert_names(
        &one(&exact).to_f64s(DType::I64).unwrap_err(),
        &exact.path,
        "f64",
    );
    let byte = npz("'|u1'", "(2,)", &[1, 2]);
    assert_names(
        &one(&byte).to_tensor(DType::Bool).unwrap_err(),
        &byte.path,
        "byte 2",
    );
}

#[test]
fn either_byte_order_and_either_axis_order() {
    let big: Vec<u8> = [1.0_f32, -2.5]
        .iter()
        .flat_map(|x| x.to_be_bytes())
        .collect();
    let x = one(&npz("'>f4'", "(2,)", &big));
    assert_eq!(x.to_tensor(DType::F32).unwrap().to_f64s(), [1.0, -2.5]);
    // Column-major: element [i, j, k] of shape (2, 3, 2) is number i + 2j + 6k.
    let data: Vec<u8> = (0..12_i32).flat_map(i32::to_le_bytes).collect();
    let bytes = npy("'<i4'", true, "(2, 3, 2)", &data);
    let x = one(&save("x.npz", &zip_of(&[("x.npy", &bytes)])));
    let expected = [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11];
    assert_eq!(
        x.to_tensor(DType::I64).unwrap().as_i64s(),
        Some(&expected[..])
    );
}

#[test]
fn safetensors_are_arrays_too() {
    let header = br#"{"x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(bf16::from_f32(1.5).to_le_bytes());
    bytes.extend(bf16::from_f32(-3.0).to_le_bytes());
    let x = one(&save("x.safetensors", &bytes));
    assert_eq!(x.to_tensor(DType::BF16).unwrap().to_f64s(), [1.5, -3.0]);
}

#[test]
fn bad_safetensors_are_refused() {
    let with = safetensors;
    let told = |header: &str, data: &[u8]| with(header.len() as u64, header.as_bytes(), data);
    refused(&save("x.safetensors", b""), "safetensors");
    refused(&with(u64::MAX, b"{}", b""), "safetensors");
    refused(&with(1 << 40, b"{}", b""), "safetensors");
    refused(&told("{", b""), "safetensors");
    refused(&told(&"[".repeat(100_000), b""), "safetensors");
    let past_the_end = r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    refused(&told(past_the_end, &[0; 4]), "safetensors");
    let wrong_count = r#"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#;
    refused(&told(wrong_count, &[0; 8]), "safetensors");
    let overflow = r#"{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#;
    refused(&told(overflow, &[0; 8]), "safetensors");
    let exponents = r#"{"x":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}}"#;
    refused(&told(exponents, &[0]), "`x` has the element type");
}

#[test]
fn paths_that_are_no_array_file() {
    refused(&save("x.txt", b"1"), ".npz");
    let missing = PathBuf::from("/nonexistent/x.npz");
    assert_names(
        &arrays::read(&missing).unwrap_err(),
        &missing,
        "cannot be read",
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("folder.npz");
    std::fs::create_dir(&path).unwrap();
    assert_names(&arrays::read(&path).unwrap_err(), &path, "regular file");
    let unwritable = PathBuf::from("/nonexistent/folder/x.npz");
    assert_names(
        &arrays::write_npz(&unwritable, &[]).unwrap_err(),
        &unwritable,
        "written",
    );
}

#[test]
fn damaged_archives_are_refused() {
    let good = zip_of(&[("x.npy", &npy("'<f4'", false, "(2,)", &[1; 8]))]);
    refused(&save("x.npz", b""), "zip");
    refused(&save("x.npz", b"PK\x05\x06"), "zip");
    for length in 1..good.len() {
        let saved = save("x.npz", &good[..length]);
        assert!(arrays::read(&saved.path).is_err(), "cut to {length} bytes");
    }
    // Any one byte changed: an error or an array, never a panic.
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        let saved = save("x.npz", &bytes);
        if let Err(error) = arrays::read(&saved.path) {
            assert_names(&error, &saved.path, "");
        }
    }
}

#[test]
fn members_that_are_no_plain_array_are_refused() {
    refused(&npz("'|O'", "(1,)", &[0; 8]), "Python objects");
    refused(
        &npz("[('a', '<f4'), ('b', '<i4')]", "(1,)", &[0; 8]),
        "structured",
    );
    refused(&npz("'<c8'", "(1,)", &[0; 8]), "'<c8'".trim_matches('\''));
    refused(&npz("'<f16'", "(1,)", &[0; 16]), "<f16");
    refused(&npz("'<f4'", "((((((((((((", &[0; 4]), "malformed header");
    refused(&npz("'<f4'", "(-1,)", &[0; 4]), "malformed header");
    refused(
        &save("x.npz", &zip_of(&[("x.npy", b"not numpy at all")])),
        "`x`",
    );
    refused(&save("x.npz", &zip_of(&[("x.npy", b"")])), "`x`");
    refused(
        &save("x.npz", &zip_of(&[("notes.txt", b"hello")])),
        "notes.txt",
    );
    let long = b"\x93NUMPY\x02\x00\xff\xff\xff\xff";
    refused(
        &save("x.npz", &zip_of(&[("x.npy", long)])),
        "header of 4294967295 bytes",
    );
    let future = b"\x93NUMPY\x09\x00\x10\x00                ";
    refused(&save("x.npz", &zip_of(&[("x.npy", future)])), "version 9");
}

#[test]
fn headers_that_lie_about_the_shape_are_refused() {
    refused(&npz("'<f4'", "(3,)", &[0; 8]), "12 fill its shape");
    refused(&npz("'<f4'", "(1,)", &[0; 8]), "4 fill its shape");
    refused(&npz("'<f4'", "(1000000000,)", &[0; 8]), "fill its shape");
    refused(&npz("'<f8'", "(4294967296, 4294967296)", &[0; 8]), "2^34");
    refused(
        &npz("'<f8'", "(0, 18446744073709551615)", &[]),
        "no elements",
    );
}

#[test]
fn a_small_file_cannot_claim_much_memory() {
    // Both sizes in the table of contents say 4 GB; the data are a few bytes.
    let mut bytes = zip_of(&[("x.npy", &npy("'<f4'", false, "(999999968,)", &[0; 64]))]);
    let table = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    bytes[table + 24..table + 28].copy_from_slice(&4_000_000_000_u32.to_le_bytes());
    refused(&save("x.npz", &bytes), "claims 4000000000 bytes");
    // A table of contents with more members than there is room for.
    let mut bytes = zip_of(&[("x.npy", &npy("'<f4'", false, "(1,)", &[0; 4]))]);
    let end = bytes.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    bytes[end + 8..end + 12].copy_from_slice(&[0xfe, 0xff, 0xfe, 0xff]);
    refused(&save("x.npz", &bytes), "table of contents");
}

#[test]
fn a_name_may_stand_once_and_must_be_text() {
    let x = npy("'<f4'", false, "(1,)", &[0; 4]);
    let good = zip_of(&[("x.npy", &x), ("?.npy", &x)]);
    let renamed = |to: u8| {
        let bytes: Vec<u8> = good
            .iter()
            .map(|&b| if b == b'?' { to } else { b })
            .collect();
        save("x.npz", &bytes)
    };
    assert!(arrays::read(&renamed(b'z').path).is_ok());
    refused(&renamed(b'x'), "two members named `x.npy`");
    refused(&renamed(0xff), "UTF-8");
}
