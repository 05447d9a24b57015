// ONNX Runtime in Node: `node onnx_in_node.mjs BUNDLE INPUTS`, with onnxruntime-node installed.
// INPUTS is JSON: {"name": {"shape": [8, 6, 6, 1], "data": [0.5, ...]}}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

// Looked up from the working directory, where it was installed, and not from this file.
const require = createRequire(join(process.cwd(), "package.json"));
const ort = require("onnxruntime-node");

const [bundle, inputs] = process.argv.slice(2);
const feeds = {};
for (const [name, tensor] of Object.entries(JSON.parse(readFileSync(inputs, "utf8")))) {
  feeds[name] = new ort.Tensor("float32", Float32Array.from(tensor.data), tensor.shape);
}
const session = await ort.InferenceSession.create(join(bundle, "model.onnx"));
const outputs = {};
for (const [name, tensor] of Object.entries(await session.run(feeds))) {
  outputs[name] = { shape: tensor.dims, data: Array.from(tensor.data) };
}
const version = require("onnxruntime-node/package.json").version;
console.log(JSON.stringify({ flat: outputs, version }));
