"""Write the types that ONNX's operations take, from the onnx package's own schemas.

Run from the repository's root, with the versions in requirements.txt:

    python examples/onnx_conformance/write_signatures.py > src/import/onnx/signatures.txt

A line is an operation from an opset on; src/import/onnx/signature.rs reads it:

    [DOMAIN:]NAME SINCE; INPUT:T INPUT:T ...; T=TYPE,TYPE,...

A last input T* stands for any number of T, T~ for any number of which each may be another type.
"""

from onnx import defs

DOMAINS = ("", "ai.onnx.preview.training")
# The first opset that is read.
FIRST = 6
SHORT = {
    "float": "f32", "double": "f64", "float16": "f16", "bfloat16": "bf16",
    "float8e4m3fn": "e4m3", "float8e5m2": "e5m2", "float4e2m1": "e2m1", "bool": "bool",
    **{f"int{bits}": f"i{bits}" for bits in (4, 8, 16, 32, 64)},
    **{f"uint{bits}": f"u{bits}" for bits in (4, 8, 16, 32, 64)},
}
ORDER = list(SHORT.values())


def short(types):
    """The types that can be read, in an order of their own."""
    names = (t.removeprefix("tensor(").removesuffix(")") for t in types if t.startswith("tensor("))
    return ",".join(sorted({SHORT[n] for n in names if n in SHORT}, key=ORDER.index))


def signature(schema):
    """The inputs and their types; None where there is none, or one that is never a tensor."""
    allowed = {c.type_param_str: short(c.allowed_type_strs) for c in schema.type_constraints}
    inputs, used = [], {}
    for given in schema.inputs:
        variable = given.type_str
        if "(" in variable:
            # A type of its own, under the input's name.
            allowed[given.name], variable = short([variable]), given.name
        used[variable] = allowed[variable]
        many = ""
        if given.option == defs.OpSchema.FormalParameterOption.Variadic:
            many = "*" if given.is_homogeneous else "~"
        inputs.append(f"{given.name}:{variable}{many}")
    if not inputs or not all(used.values()):
        return None
    return f"{' '.join(inputs)}; {' '.join(f'{v}={t}' for v, t in used.items())}"


def main():
    history = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain in DOMAINS and not schema.deprecated:
            history.setdefault((schema.domain, schema.name), []).append(schema)
    for (domain, name), schemas in sorted(history.items()):
        schemas.sort(key=lambda schema: schema.since_version)
        oldest = max((s.since_version for s in schemas if s.since_version <= FIRST), default=FIRST)
        before = None
        for schema in schemas:
            now = signature(schema)
            if (domain or schema.since_version >= oldest) and now is not None and now != before:
                print(f"{domain + ':' if domain else ''}{name} {schema.since_version}; {now}")
                before = now


main()
