import type { Catalogue, Description, Input } from "../src/catalogue/catalogue";

const input = (name: string, type: string, more: Partial<Input> = {}): Input => ({
  name, type, widget: null, required: true, default: null, nullable: false, help: "", ...more,
});

const node = (name: string, category: string, inputs: Input[], outputs: Record<string, string>): Description => ({
  name, title: name, category, help: `${name} helps.`, docs: "", effect: false, inputs,
  outputs: Object.entries(outputs).map(([output, type]) => ({ name: output, type, help: "" })),
});

const steps = input("steps", "int", { widget: { kind: "range", min: 1, max: 100, step: null, whole: true }, default: 20, required: false });
const text = input("text", "str", { widget: { kind: "multiline" } });

/** A few nodes, as a server would tell them. */
export const catalogue: Catalogue = {
  nodes: Object.fromEntries(
    [
      node("LoadModel", "loaders", [], { model: "Model", clip: "Clip" }),
      node("Prompt", "text", [input("clip", "Clip"), text], { conditioning: "Conditioning" }),
      node("Sampler", "sampling", [input("model", "Model"), input("positive", "Conditioning"), steps], { latent: "Latent" }),
      node("Patch", "models", [input("model", "Model")], { model: "Model" }),
      node("Count", "numbers", [], { number: "int" }),
      node("Show", "image", [input("anything", "Any"), input("scale", "float", { widget: { kind: "range", min: 0, max: 1, step: 0.1, whole: false } })], {}),
    ].map((each) => [each.name, each]),
  ),
  accepts: {
    Any: ["Clip", "Conditioning", "Latent", "Model", "int"], Clip: ["Clip"], Conditioning: ["Conditioning"], Model: ["Model"],
    float: ["int"], int: ["int"], str: [],
  },
};
