//! ONNX nodes whose arguments' extents disagree with each other, where broadcasting or
//! flattening would give them a meaning that ONNX does not: every one an error that names the
//! file, the node and a remedy.

#[path = "common/bad.rs"]
mod bad;
#[path = "common/bad_onnx.rs"]
mod bad_onnx;
#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use bad_onnx::*;
use gradbound::Config;
use gradbound::import::onnx::proto::{AttributeProto, NodeProto, TensorProto};
use gradbound::import::onnx::{ImportOptions, import};
use gradbound::interpret::runtime;
use gradbound::tensor::Tensor;
use onnx_builder::*;

/// A float initializer of ones.
fn ones(name: &str, dims: &[i64]) -> TensorProto {
    let len = usize::try_from(dims.iter().product::<i64>()).unwrap();
    f32s(name, dims, &vec![1.0; len])
}

/// One node `y` on float inputs and initializers of these extents, by their names.
fn with(opset: i64, node: NodeProto, given: &[(&str, &[i64])]) -> Onnx {
    let mut onnx = model(opset);
    for &(name, dims) in given {
        onnx = if name == "x" {
            onnx.floats(name, dims)
        } else {
            onnx.initializer(ones(name, dims))
        };
    }
    onnx.node(node).output("y")
}

#[track_caller]
fn accepted(onnx: &Onnx) {
    let folder = tempfile::tempdir().unwrap();
    import(&onnx.save(folder.path()), &ImportOptions::default()).unwrap();
}

fn y(op: &str, inputs: &[&str], attributes: &[AttributeProto]) -> NodeProto {
    node_with(op, inputs, &["y"], attributes)
}

#[test]
fn scattered_updates_have_the_indices_extents() {
    let elements = |at: (&[i64], &[i64]), updates: &[i64]| {
        with(
            18,
            y("ScatterElements", &["x", "at", "u"], &[]),
            &[("x", &[3, 2]), ("u", updates)],
        )
        .initializer(i64s("at", at.0, at.1))
    };
    let refuse = |at: (&[i64], &[i64]), updates: &[i64]| {
        refused_at(&elements(at, updates), "y", "updates of shape");
    };
    // As many updates as indices, of other extents; and beyond the other axis of the data.
    refuse((&[2, 2], &[0, 1, 0, 1]), &[1, 4]);
    refuse((&[1, 4], &[0, 1, 0, 1]), &[1, 4]);
    refuse((&[4], &[0, 1, 0, 1]), &[4]);
    accepted(&elements((&[5, 1], &[0, 1, 0, 2, 2]), &[5, 1]));
    let tuples = |updates: &[i64]| {
        with(
            18,
            y("ScatterND", &["x", "at", "u"], &[]),
            &[("x", &[3, 2]), ("u", updates)],
        )
        .initializer(i64s("at", &[2, 1], &[0, 1]))
    };
    refused_at(&tuples(&[4]), "y", "where [2, 2] is written");
    refused_at(&tuples(&[2, 1]), "y", "where [2, 2] is written");
    accepted(&tuples(&[2, 2]));
}

#[test]
fn scales_are_not_wider_than_what_they_scale() {
    for (opset, op, inputs) in [
        (17, "LayerNormalization", &["x", "s"][..]),
        (17, "LayerNormalization", &["x", "one", "s"]),
        (23, "RMSNormalization", &["x", "s"]),
    ] {
        let of = |scale: &[i64]| {
            with(
                opset,
                y(op, inputs, &[]),
                &[("x", &[2, 3]), ("s", scale), ("one", &[3])],
            )
        };
        refused_at(
            &of(&[4, 2, 3]),
            "y",
            "does not broadcast to the shape [2, 3]",
        );
        refused_at(&of(&[1, 1, 3]), "y", "does not broadcast");
        refused_at(&of(&[2]), "y", "does not broadcast");
        accepted(&of(&[3]));
        accepted(&of(&[1]));
    }
    let first = |channels: i64, scale: &[i64]| {
        with(
            15,
            y("LayerNormalization", &["x", "s"], &[]),
            &[("x", &[channels]), ("s", scale)],
        )
    };
    refused_at(
        &first(3, &[2, 3]),
        "y",
        "does not broadcast to the shape [3]",
    );
}

#[test]
fn one_number_for_each_channel() {
    let batch = ["x", "s", "one", "one", "one"];
    for place in 1..5 {
        let mut inputs = batch;
        inputs.swap(1, place);
        for (channels, given) in [(3, &[1][..]), (3, &[4]), (3, &[3, 1]), (1, &[5])] {
            let onnx = with(
                15,
                y("BatchNormalization", &inputs, &[]),
                &[("x", &[2, channels, 4]), ("s", given), ("one", &[channels])],
            );
            refused_at(&onnx, "y", "channels");
        }
    }
    for inputs in [["x", "s", "one"], ["x", "one", "s"]] {
        for (channels, given) in [(3, &[1][..]), (3, &[4]), (1, &[5])] {
            let extents = [
                ("x", &[2, channels, 4][..]),
                ("s", given),
                ("one", &[channels]),
            ];
            refused_at(
                &with(15, y("InstanceNormalization", &inputs, &[]), &extents),
                "y",
                "channels",
            );
        }
        for (opset, each, wrong) in [(18, 2, 4), (21, 4, 2)] {
            let groups = y("GroupNormalization", &inputs, &[int("num_groups", 2)]);
            let of = |given: &[i64]| {
                with(
                    opset,
                    groups.clone(),
                    &[("x", &[2, 4, 4]), ("s", given), ("one", &[each])],
                )
            };
            refused_at(&of(&[wrong]), "y", "channels or groups");
            accepted(&of(&[each]));
        }
        let wide = y("GroupNormalization", &inputs, &[int("num_groups", 1)]);
        let wide = with(21, wide, &[("x", &[2, 1, 4]), ("s", &[5]), ("one", &[1])]);
        refused_at(&wide, "y", "channels or groups");
    }
}

#[test]
fn bounds_of_clip_are_scalars() {
    for inputs in [&["x", "s"][..], &["x", "", "s"]] {
        let clip =
            |x: &[i64], bound: &[i64]| with(13, y("Clip", inputs, &[]), &[("x", x), ("s", bound)]);
        for bound in [&[3][..], &[2, 1], &[1, 1]] {
            refused_at(&clip(&[3], bound), "y", "give a scalar");
        }
        // A bound of one element leaves a scalar one.
        for bound in [&[][..], &[1]] {
            let folder = tempfile::tempdir().unwrap();
            let path = clip(&[], bound).save(folder.path());
            let model = import(&path, &ImportOptions::default()).unwrap();
            assert_eq!(model.graph.ty(model.outputs[0].id).shape.rank(), 0);
        }
    }
}

#[test]
fn weights_and_states_of_recurrent_layers() {
    for (op, gates) in [("RNN", 1), ("GRU", 3), ("LSTM", 4)] {
        let rows = gates * 2;
        let (w, r, b, state) = ([1, rows, 5], [1, rows, 2], [1, 2 * rows], [1, 4, 2]);
        let layer = |w: &[i64], r: &[i64], b: &[i64], h: &[i64], c: &[i64], p: &[i64]| {
            let inputs = ["x", "w", "r", "b", "", "h", "c", "p"];
            let taken = if op == "LSTM" { 8 } else { 6 };
            let extents: [(&str, &[i64]); 7] = [
                ("x", &[3, 4, 5]),
                ("w", w),
                ("r", r),
                ("b", b),
                ("h", h),
                ("c", c),
                ("p", p),
            ];
            with(14, y(op, &inputs[..taken], &[]), &extents)
        };
        let p = [1, 6];
        accepted(&layer(&w, &r, &b, &state, &state, &p));
        for bad in [[2, rows, 5], [1, rows + 2, 5], [1, rows, 4]] {
            refused_at(&layer(&bad, &r, &b, &state, &state, &p), "y", "input 1");
        }
        for bad in [[2, rows, 2], [1, rows + 2, 2]] {
            refused_at(&layer(&w, &bad, &b, &state, &state, &p), "y", "input 2");
        }
        refused_at(
            &layer(&w, &r, &[1, rows], &state, &state, &p),
            "y",
            "input 3",
        );
        for bad in [[1, 1, 2], [2, 4, 2], [1, 4, 1]] {
            refused_at(&layer(&w, &r, &b, &bad, &state, &p), "y", "input 5");
            if op == "LSTM" {
                refused_at(&layer(&w, &r, &b, &state, &bad, &p), "y", "input 6");
            }
        }
        if op == "LSTM" {
            refused_at(&layer(&w, &r, &b, &state, &state, &[1, 2]), "y", "input 7");
        }
    }
}

#[test]
fn queries_keys_and_values_agree() {
    let attention = |q: &[i64], k: &[i64], v: &[i64], mask: &[i64]| {
        let inputs = ["x", "k", "v", "mask"];
        with(
            23,
            y("Attention", &inputs, &[]),
            &[("x", q), ("k", k), ("v", v), ("mask", mask)],
        )
    };
    let (q, k, mask) = ([2, 4, 3, 5], [2, 2, 7, 5], [3, 7]);
    accepted(&attention(&q, &k, &[2, 2, 7, 6], &mask));
    for (k, v) in [
        ([1, 2, 7, 5], [1, 2, 7, 5]),
        ([2, 2, 7, 5], [1, 2, 7, 5]),
        ([2, 2, 7, 5], [2, 4, 7, 5]),
        ([2, 2, 7, 5], [2, 2, 6, 5]),
        ([2, 2, 7, 4], [2, 2, 7, 5]),
    ] {
        refused_at(&attention(&q, &k, &v, &mask), "y", "by heads");
    }
    for mask in [&[5, 1, 3, 7][..], &[2, 3, 3, 7], &[2, 7]] {
        refused_at(&attention(&q, &k, &k, mask), "y", "a mask of shape");
    }
    let heads = [int("q_num_heads", 1), int("kv_num_heads", 1)];
    let flat = y("Attention", &["x", "k", "k"], &heads);
    refused_at(
        &with(23, flat, &[("x", &[2, 2, 3]), ("k", &[1, 4, 3])]),
        "y",
        "by heads",
    );
    let past = y("Attention", &["x", "k", "k", "", "p"], &[]);
    let extents: [(&str, &[i64]); 3] = [("x", &q), ("k", &k), ("p", &k)];
    refused_at(&with(23, past, &extents), "y", "past");
}

#[test]
fn pads_leave_no_window_outside() {
    for op in ["AveragePool", "MaxPool", "LpPool"] {
        let pool = |dilation: i64, pads: [i64; 2]| {
            let [kernel, dilations] = [ints("kernel_shape", &[2]), ints("dilations", &[dilation])];
            with(
                19,
                y(op, &["x"], &[kernel, dilations, ints("pads", &pads)]),
                &[("x", &[1, 1, 4])],
            )
        };
        for pads in [[2, 0], [0, 2], [2, 2]] {
            refused_at(&pool(1, pads), "y", "pads");
        }
        refused_at(&pool(2, [3, 3]), "y", "pads");
        accepted(&pool(1, [1, 1]));
    }
    let transposed = |padding: i64, stride: i64, dilation: i64| {
        let attributes = [
            ints("output_padding", &[padding]),
            ints("strides", &[stride]),
            ints("dilations", &[dilation]),
        ];
        let node = y("ConvTranspose", &["x", "w"], &attributes);
        with(11, node, &[("x", &[1, 2, 5]), ("w", &[2, 3, 2])])
    };
    for (padding, stride, dilation) in [(3, 2, 1), (2, 2, 2), (1, 1, 1)] {
        refused_at(
            &transposed(padding, stride, dilation),
            "y",
            "output_padding",
        );
    }
    accepted(&transposed(1, 2, 1));
    accepted(&transposed(1, 1, 2));
}

#[test]
fn axes_and_parts_as_onnx_counts_them() {
    let x: (&str, &[i64]) = ("x", &[5, 2]);
    let transpose = y("Transpose", &["x"], &[ints("perm", &[-1, -2])]);
    refused_at(&with(13, transpose, &[x]), "y", "perm");
    let tile = with(13, y("Tile", &["x", "n"], &[]), &[("x", &[3])]);
    refused_at(&tile.initializer(i64s("n", &[], &[2])), "y", "vector");
    let split = |parts: &[&str]| {
        let number = int("num_outputs", parts.len() as i64);
        with(18, node_with("Split", &["x"], parts, &[number]), &[x])
    };
    // Parts of 2 for 5 in 4, and the last one of -1.
    refused_at(&split(&["y", "z", "u", "v"]), "y", "cannot be split");
    accepted(&split(&["y", "z", "u"]));
    let trilu = with(14, y("Trilu", &["x", "k"], &[]), &[x]);
    refused_at(
        &trilu.initializer(i64s("k", &[2], &[1, 0])),
        "y",
        "diagonal",
    );
}

/// A constant that an operation makes of its arguments' extents is refused before it is made.
#[test]
fn constants_beyond_any_memory() {
    let wide = |shape: &[i64]| {
        let one = tensor("value", f32s("value", &[1], &[1.0]));
        model(14)
            .initializer(i64s("extents", &[shape.len() as i64], shape))
            .node(node_with(
                "ConstantOfShape",
                &["extents"],
                &["wide"],
                &[one],
            ))
    };
    let layer = wide(&[1, 1 << 32, 1])
        .initializer(ones("w", &[1, 2, 1]))
        .initializer(ones("r", &[1, 2, 2]))
        .node(node("RNN", &["wide", "w", "r"], &["y"]));
    let pool = [ints("kernel_shape", &[2])];
    let pool = wide(&[1, 1, 1 << 33]).node(node_with("MaxPool", &["wide"], &["y", "at"], &pool));
    let scatter = wide(&[1, 1 << 33])
        .initializer(i64s("at", &[1, 1], &[0]))
        .node(node("ScatterND", &["wide", "at", "wide"], &["y"]));
    for onnx in [layer, pool, scatter] {
        refused_at(&onnx.output("y"), "y", "of memory are left");
    }
}

/// Normalizations of tensors without axes after the channels.
#[test]
fn channels_may_be_all_there_is() {
    let batch = |x: &[i64], channels: i64| {
        let of = [channels];
        let inputs = ["x", "s", "b", "m", "v"];
        let given = [("x", x), ("s", &of), ("b", &of), ("m", &of), ("v", &of)];
        with(15, y("BatchNormalization", &inputs, &[]), &given)
    };
    let group = |opset, x: &[i64]| {
        let each = [if opset < 21 { 2 } else { 4 }];
        let inputs = ["x", "s", "b"];
        let node = y("GroupNormalization", &inputs, &[int("num_groups", 2)]);
        with(opset, node, &[("x", x), ("s", &each), ("b", &each)])
    };
    // No axis of channels: one channel.
    for (onnx, shape, expected) in [
        (batch(&[4], 1), &[4_usize][..], [1.0, 2.0, 3.0, 4.0]),
        (batch(&[1, 4], 4), &[1, 4], [1.0, 2.0, 3.0, 4.0]),
        (group(18, &[1, 4]), &[1, 4], [0.0, 2.0, 0.0, 2.0]),
        (group(21, &[1, 4]), &[1, 4], [0.0, 2.0, 0.0, 2.0]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let model = import(&onnx.save(folder.path()), &ImportOptions::default()).unwrap();
        let x = Tensor::f32s(shape, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let all = runtime::eval(&model.graph, &Config::default(), &[x]).unwrap();
        let result = &all[model.outputs[0].id.index()];
        assert_eq!(result.shape()[..], *shape);
        for (got, expected) in result.to_f64s().iter().zip(expected) {
            // epsilon is 1e-5.
            assert!((got - expected).abs() < 1e-4, "{got} for {expected}");
        }
    }
    refused_at(&batch(&[4], 4), "y", "for 1 channels");
    refused_at(&group(21, &[4]), "y", "shape [4]");
}
