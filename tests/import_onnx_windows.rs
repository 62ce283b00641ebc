//! ONNX models with sliding kernels: attributes that say the same in different ways, results
//! known by hand, and attributes that mean nothing.

#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use gradbound::config::Config;
use gradbound::import::onnx::proto::{AttributeProto, NodeProto};
use gradbound::import::onnx::{ImportOptions, import};
use gradbound::interpret::runtime;
use gradbound::tensor::Tensor;
use onnx_builder::*;

/// A model of one node whose first input is x = 1, 2, 3, … of this shape and whose others
/// are initializers; its results.
fn results(
    shape: &[i64],
    node: NodeProto,
    others: &[(&str, &[i64])],
) -> gradbound::Result<Vec<Tensor>> {
    let mut onnx = model(18).floats("x", shape);
    for (name, dims) in others {
        let len = dims.iter().product::<i64>();
        let ramp: Vec<f32> = (1..=len).map(|k| k as f32).collect();
        onnx = onnx.initializer(f32s(name, dims, &ramp));
    }
    let names = node.output.clone();
    for name in &names {
        onnx = onnx.output(name);
    }
    let onnx = onnx.node(node);
    let folder = tempfile::tempdir().unwrap();
    let model = import(&onnx.save(folder.path()), &ImportOptions::default())?;
    let extents: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
    let len = extents.iter().product::<usize>();
    let ramp: Vec<f32> = (1..=len).map(|k| k as f32).collect();
    let x = Tensor::f32s(extents, ramp)?;
    let all = runtime::eval(&model.graph, &Config::default(), &[x])?;
    let of = |name: &String| model.outputs.iter().find(|o| o.name == *name).unwrap().id;
    Ok(names.iter().map(|n| all[of(n).index()].clone()).collect())
}

fn conv(attributes: &[AttributeProto]) -> gradbound::Result<Vec<Tensor>> {
    let node = node_with("Conv", &["x", "k"], &["y"], attributes);
    results(&[1, 1, 5], node, &[("k", &[1, 1, 2])])
}

#[test]
fn pads_that_follow_from_the_extents() {
    // One more pad is needed: after the axis, or before it.
    let upper = conv(&[text("auto_pad", "SAME_UPPER")]).unwrap();
    assert_eq!(upper[0].to_f64s(), [5.0, 8.0, 11.0, 14.0, 5.0]);
    let lower = conv(&[text("auto_pad", "SAME_LOWER")]).unwrap();
    assert_eq!(lower[0].to_f64s(), [2.0, 5.0, 8.0, 11.0, 14.0]);
    let stated = conv(&[ints("pads", &[1, 0]), ints("kernel_shape", &[2])]).unwrap();
    assert_eq!(stated, lower);
    let valid = conv(&[text("auto_pad", "VALID"), ints("dilations", &[3])]).unwrap();
    assert_eq!(valid[0].to_f64s(), [9.0, 12.0]);
}

#[test]
fn a_transposed_convolution_is_cut_to_the_wanted_shape() {
    let transposed = |attributes: &[AttributeProto]| {
        let node = node_with("ConvTranspose", &["x", "k"], &["y"], attributes);
        results(&[1, 1, 2], node, &[("k", &[1, 1, 3])]).unwrap()[0].to_f64s()
    };
    let strides = ints("strides", &[2]);
    assert_eq!(
        transposed(std::slice::from_ref(&strides)),
        [1.0, 2.0, 5.0, 4.0, 6.0]
    );
    let cut = [strides.clone(), ints("output_shape", &[4])];
    assert_eq!(transposed(&cut), [2.0, 5.0, 4.0, 6.0]);
    let same = [strides.clone(), text("auto_pad", "SAME_UPPER")];
    assert_eq!(transposed(&same), [1.0, 2.0, 5.0, 4.0]);
    let longer = [strides, ints("output_shape", &[6])];
    assert_eq!(transposed(&longer), [1.0, 2.0, 5.0, 4.0, 6.0, 0.0]);
}

#[test]
fn a_pool_says_where_it_found_its_maxima() {
    let pool = |order| {
        let attributes = [
            ints("kernel_shape", &[2, 2]),
            ints("pads", &[0, 0, 1, 1]),
            ints("strides", &[2, 2]),
            int("storage_order", order),
        ];
        let node = node_with("MaxPool", &["x"], &["y", "i"], &attributes);
        results(&[1, 2, 3, 3], node, &[]).unwrap()
    };
    let rows = pool(0);
    let maxima = [5.0, 6.0, 8.0, 9.0, 14.0, 15.0, 17.0, 18.0];
    assert_eq!(rows[0].to_f64s(), maxima);
    assert_eq!(rows[1].as_i64s().unwrap(), [4, 5, 7, 8, 13, 14, 16, 17]);
    assert_eq!(pool(1)[1].as_i64s().unwrap(), [4, 7, 5, 8, 13, 16, 14, 17]);
}

#[test]
fn windows_that_hang_over_count_what_is_in_them() {
    let pool = |include| {
        let attributes = [
            ints("kernel_shape", &[2]),
            ints("pads", &[1, 0]),
            ints("strides", &[2]),
            int("ceil_mode", 1),
            int("count_include_pad", include),
        ];
        let node = node_with("AveragePool", &["x"], &["y"], &attributes);
        results(&[1, 1, 4], node, &[]).unwrap()[0].to_f64s()
    };
    assert_eq!(pool(0), [1.0, 2.5, 4.0]);
    assert_eq!(pool(1), [0.5, 2.5, 4.0]);
}

/// With `ceil_mode` there are ⌈(n + pads − k) / stride⌉ + 1 windows, also of a kernel that is
/// longer than the padded axis; values as onnxruntime 1.32 has them.
#[test]
fn one_window_may_be_longer_than_its_axis() {
    let pool = |op: &str, n: i64, (k, stride): (i64, i64), more: &[AttributeProto]| {
        let attributes = [
            ints("kernel_shape", &[k]),
            ints("strides", &[stride]),
            int("ceil_mode", 1),
        ];
        let attributes = [&attributes, more].concat();
        let node = node_with(op, &["x"], &["y"], &attributes);
        results(&[1, 1, n], node, &[]).map(|all| all[0].to_f64s().to_vec())
    };
    let root = f64::from(5.0_f32.sqrt());
    for (n, how) in [(1, (2, 2)), (1, (3, 4)), (2, (3, 2)), (2, (3, 3))] {
        let [largest, mean, norm] = if n == 1 { [1.0; 3] } else { [2.0, 1.5, root] };
        assert_eq!(pool("MaxPool", n, how, &[]).unwrap(), [largest]);
        assert_eq!(pool("AveragePool", n, how, &[]).unwrap(), [mean]);
        assert_eq!(pool("LpPool", n, how, &[]).unwrap(), [norm]);
    }
    // The pad counts, and what hangs over does not.
    let padded = [ints("pads", &[1, 0]), int("count_include_pad", 1)];
    assert_eq!(pool("AveragePool", 2, (4, 3), &padded).unwrap(), [1.0]);
    assert_eq!(pool("MaxPool", 2, (4, 3), &padded[..1]).unwrap(), [2.0]);
    for op in ["MaxPool", "AveragePool", "LpPool"] {
        // No window.
        let none = pool(op, 1, (4, 2), &[]).unwrap_err().to_string();
        assert!(none.contains("does not slide"), "{op}: {none}");
        let apart = [ints("dilations", &[2])];
        assert!(pool(op, 2, (3, 2), &apart).is_err(), "{op}");
    }
    let outside = [ints("dilations", &[2]), ints("pads", &[1, 0])];
    for op in ["MaxPool", "AveragePool"] {
        assert!(pool(op, 1, (2, 2), &outside).is_err(), "{op}");
    }
}

#[test]
fn diagonals_sums_and_products() {
    let of_two = |equation: &str| {
        let node = node_with("Einsum", &["x", "k"], &["y"], &[text("equation", equation)]);
        results(&[2, 2], node, &[("k", &[2, 1])])
    };
    assert_eq!(of_two("ii,ij->i").unwrap()[0].to_f64s(), [1.0, 8.0]);
    assert_eq!(of_two("ij,jk").unwrap()[0].to_f64s(), [5.0, 11.0]);
    assert_eq!(of_two("...j,j...->j").unwrap()[0].to_f64s(), [4.0, 12.0]);
    for wrong in [
        "ij->ij",
        "ijk,jk->i",
        "ij,jk->ii",
        "ij,jk->m",
        "i1,jk->i",
        "ij,kk->i",
        "",
    ] {
        let refused = of_two(wrong).unwrap_err().to_string();
        assert!(refused.contains("equation"), "{wrong}: {refused}");
    }
}

#[test]
fn attributes_that_mean_nothing_are_refused() {
    let wrong = [
        ints("strides", &[0]),
        ints("strides", &[1, 1]),
        ints("dilations", &[-1]),
        ints("dilations", &[i64::MAX]),
        ints("pads", &[i64::MAX, i64::MAX]),
        ints("kernel_shape", &[3]),
        int("group", 0),
        int("group", 2),
        text("auto_pad", "SAME"),
    ];
    for attribute in wrong {
        let refused = conv(std::slice::from_ref(&attribute));
        assert!(refused.is_err(), "{attribute:?}");
    }
}

/// Refused before anything of that size is made.
#[test]
fn a_resize_beyond_any_memory_is_refused() {
    let by_sizes = |mode: &str, sizes: &[i64]| {
        let resize = node_with(
            "Resize",
            &["x", "", "", "sizes"],
            &["y"],
            &[text("mode", mode)],
        );
        let onnx = model(18).floats("x", &[1, 1, 1, 4]).output("y");
        onnx.initializer(i64s("sizes", &[4], sizes)).node(resize)
    };
    let by_scales = |scale: f32| {
        let resize = node_with(
            "Resize",
            &["x", "", "scales"],
            &["y"],
            &[text("mode", "linear")],
        );
        let onnx = model(18).floats("x", &[1, 1, 1, 4]).output("y");
        onnx.initializer(f32s("scales", &[4], &[1.0, 1.0, scale, 1.0]))
            .node(resize)
    };
    let huge = [
        by_scales(1e30),
        by_scales(1e10),
        by_sizes("linear", &[1, 1, 200_000_000, 4]),
        by_sizes("nearest", &[1, 1, 1 << 40, 4]),
    ];
    for onnx in huge {
        let folder = tempfile::tempdir().unwrap();
        let refused = import(&onnx.save(folder.path()), &ImportOptions::default());
        assert!(refused.is_err_and(|e| e.to_string().contains("elements")));
    }
}

#[test]
fn a_hidden_size_that_contradicts_the_weights_is_refused() {
    let gru = |size: i64| {
        let node = node_with("GRU", &["x", "w", "r"], &["y"], &[int("hidden_size", size)]);
        results(&[3, 1, 4], node, &[("w", &[1, 6, 4]), ("r", &[1, 6, 2])])
    };
    assert!(gru(2).is_ok());
    for size in [-1, 0, 7, 1 << 40] {
        assert!(gru(size).is_err(), "{size}");
    }
}

/// Resize before opset 11, and Upsample: the element before, and where the axis shrinks the one
/// after (ONNX's test_resize_downsample_nearest, and what onnxruntime 1.32 gives).
#[test]
fn the_nearest_element_before_opset_11() {
    let resized = |opset, op: &str, scale: f32| {
        let onnx = model(opset)
            .floats("x", &[1, 1, 2, 4])
            .initializer(f32s("scales", &[4], &[1.0, 1.0, 1.0, scale]))
            .node(node(op, &["x", "scales"], &["y"]))
            .output("y");
        let folder = tempfile::tempdir().unwrap();
        let model = import(&onnx.save(folder.path()), &ImportOptions::default()).unwrap();
        let ramp: Vec<f32> = (1..=8).map(|k| k as f32).collect();
        let x = Tensor::f32s([1, 1, 2, 4], ramp).unwrap();
        let all = runtime::eval(&model.graph, &Config::default(), &[x]).unwrap();
        all[model.outputs[0].id.index()].to_f64s()[..].to_vec()
    };
    assert_eq!(resized(10, "Resize", 0.6), [1.0, 3.0, 5.0, 7.0]);
    assert_eq!(resized(10, "Resize", 0.75), [1.0, 3.0, 4.0, 5.0, 7.0, 8.0]);
    for (opset, op) in [(10, "Resize"), (9, "Upsample")] {
        let up = [1.0, 1.0, 2.0, 3.0, 3.0, 4.0];
        assert_eq!(resized(opset, op, 1.5)[..6], up, "{op}");
    }
}

/// The operator's text: `length_resized > 1 ? (x_resized + 0.5) / scale - 0.5 : 0`.
#[test]
fn a_result_of_extent_1_takes_the_first_element() {
    let resized = |mode: &str, nearest: &str, scale: f32| {
        let attributes = [
            text("mode", mode),
            text("nearest_mode", nearest),
            text("coordinate_transformation_mode", "pytorch_half_pixel"),
        ];
        let node = node_with("Resize", &["x", "", "scales"], &["y"], &attributes);
        let onnx = model(18)
            .floats("x", &[4])
            .initializer(f32s("scales", &[1], &[scale]))
            .node(node)
            .output("y");
        let folder = tempfile::tempdir().unwrap();
        let model = import(&onnx.save(folder.path()), &ImportOptions::default()).unwrap();
        let x = Tensor::f32s([4], vec![1.0, 2.0, 4.0, 8.0]).unwrap();
        let all = runtime::eval(&model.graph, &Config::default(), &[x]).unwrap();
        all[model.outputs[0].id.index()].to_f64s()
    };
    for mode in ["nearest", "linear", "cubic"] {
        for scale in [0.25, 0.3, 0.45] {
            assert_eq!(resized(mode, "ceil", scale), [1.0], "{mode} {scale}");
        }
    }
    assert_eq!(resized("linear", "ceil", 0.5), [1.5, 6.0]);
}
