/** What the nodes are, as the server tells it. Nothing here knows a node by name. */

import type { Json } from "../document/json";
import { isLarge } from "../document/json";

export type Widget =
  | { readonly kind: "range"; readonly min: number | null; readonly max: number | null; readonly step: number | null; readonly whole: boolean }
  | { readonly kind: "seed" }
  | { readonly kind: "toggle" }
  | { readonly kind: "text" }
  | { readonly kind: "multiline" }
  | { readonly kind: "color" }
  | { readonly kind: "choice"; readonly options: readonly Json[] }
  | { readonly kind: "file"; readonly folder: string }
  | { readonly kind: "save_name"; readonly folder: string }
  | { readonly kind: "many"; readonly item: Widget };

export interface Input {
  readonly name: string;
  readonly type: string;
  readonly widget: Widget | null;
  readonly required: boolean;
  readonly default: Json;
  readonly nullable: boolean;
  readonly help: string;
}
export interface Output {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}
export interface Description {
  readonly name: string;
  readonly title: string;
  readonly category: string;
  readonly help: string;
  readonly docs: string;
  readonly effect: boolean;
  readonly inputs: readonly Input[];
  readonly outputs: readonly Output[];
}
export interface Catalogue {
  readonly nodes: Readonly<Record<string, Description>>;
  readonly accepts: Readonly<Record<string, readonly string[]>>;
}

/** Whether an output of type `source` fits an input of type `target`: the server's matrix, and nothing else. */
export function accepts(catalogue: Catalogue, target: string, source: string): boolean {
  return Object.hasOwn(catalogue.accepts, target) && (catalogue.accepts[target] ?? []).includes(source);
}

/** Whether any wire could end in an input. */
export function hasSocket(catalogue: Catalogue, input: Input): boolean {
  return input.widget === null || (catalogue.accepts[input.type] ?? []).length > 0;
}

export const COLOURS = 12;

/** The colour of a type: its place among all that outputs have. */
export function colourOf(catalogue: Catalogue, type: string): number {
  const types = colours.get(catalogue) ?? orderTypes(catalogue);
  return types.get(type) ?? types.get(catalogue.accepts[type]?.[0] ?? "") ?? COLOURS;
}

const colours = new WeakMap<Catalogue, ReadonlyMap<string, number>>();

function orderTypes(catalogue: Catalogue): ReadonlyMap<string, number> {
  const names = new Set(Object.values(catalogue.nodes).flatMap((node) => node.outputs.map((output) => output.type)));
  const order = new Map([...names].sort().map((name, index) => [name, index % COLOURS]));
  colours.set(catalogue, order);
  return order;
}

/** What an input shows where the document says nothing. */
export function defaultOf({ default: given, widget }: Pick<Input, "default" | "widget">): Json {
  return given !== null || widget === null ? given : blankOf(widget);
}

/** What a new node says of itself: what its widgets show where the server knows no default. */
export function firstValues({ inputs }: Description): Readonly<Record<string, Json>> {
  const silent = inputs.filter(({ widget, required, default: given }) => required && given === null && widget !== null && widget.kind !== "file");
  return Object.fromEntries(silent.map((input): [string, Json] => [input.name, defaultOf(input)]));
}

/** What a widget shows that was given nothing. */
export function blankOf(widget: Widget): Json {
  switch (widget.kind) {
    case "range":
      return Math.max(0, widget.min ?? 0);
    case "seed":
      return 0;
    case "toggle":
      return false;
    case "choice":
      return widget.options[0] ?? "";
    case "many":
      return [];
    case "color":
      return "#000000";
    case "text":
    case "multiline":
    case "file":
    case "save_name":
      return "";
  }
}

/** Whether a file is a picture that people bring along, so that it is shown and can be dropped. */
export const takesPicture = (widget: Widget | null): boolean => widget?.kind === "file" && widget.folder === "input";

/** The input of a node that a picture goes into. */
export const pictureInput = (node: Description | undefined): Input | null => node?.inputs.find(({ widget }) => takesPicture(widget)) ?? null;

/** Whether a number is one that its widget takes; what it says before the server is asked. */
export function inRange(widget: Widget, value: Json): boolean {
  if (widget.kind !== "range" && widget.kind !== "seed") return true;
  if (isLarge(value)) return widget.kind === "seed";
  if (typeof value !== "number") return false;
  if (widget.kind === "seed") return Number.isInteger(value) && value >= 0;
  return (
    (!widget.whole || Number.isInteger(value)) && value >= (widget.min ?? -Infinity) && value <= (widget.max ?? Infinity)
  );
}

/** An end of a wire that is being drawn: an output looking for an input, or an input looking for an output. */
export interface Loose {
  readonly side: "source" | "target";
  readonly type: string;
}

/** The first socket of a node that the other end of a wire fits. */
export function fitting(catalogue: Catalogue, node: Description, loose: Loose): string | null {
  const found =
    loose.side === "source"
      ? node.inputs.find((input) => accepts(catalogue, input.type, loose.type))
      : node.outputs.find((output) => accepts(catalogue, loose.type, output.type));
  return found?.name ?? null;
}
