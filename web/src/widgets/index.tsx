import { takesPicture, type Input, type Widget } from "../catalogue/catalogue";
import type { Json } from "../document/json";
import { ChoiceWidget } from "./choice";
import { ColorWidget } from "./color";
import { FileWidget } from "./file";
import { ManyWidget } from "./many";
import { MultilineWidget } from "./multiline";
import { NumberWidget } from "./number";
import { PictureWidget } from "./picture";
import { SeedWidget } from "./seed";
import { TextWidget } from "./text";
import { ToggleWidget } from "./toggle";

/** What every widget is given: `id` ties the label to it, `invalid` that the server or the range refuses the value. */
export interface WidgetProps<W extends Widget = Widget> {
  readonly id: string;
  readonly label: string;
  readonly widget: W;
  readonly value: Json;
  readonly invalid: boolean;
  readonly onChange: (value: Json) => void;
  readonly onSettle: () => void;
}

export type Kind<K extends Widget["kind"]> = Extract<Widget, { kind: K }>;

export function WidgetFor({ input, ...rest }: Omit<WidgetProps, "widget" | "label"> & { readonly input: Input }) {
  const { widget } = input;
  const props = { ...rest, label: input.help ? `${input.name}: ${input.help}` : input.name };
  if (widget?.kind === "seed") return <SeedWidget {...props} widget={widget} />;
  if (widget?.kind === "file" && takesPicture(widget)) return <PictureWidget {...props} widget={widget} />;
  return widget && <ItemWidget {...props} widget={widget} />;
}

/** A widget that need not be a whole input: an item of a list as well. */
export function ItemWidget({ widget, ...props }: WidgetProps) {
  switch (widget.kind) {
    case "range":
    case "seed":
      return <NumberWidget {...props} widget={widget} />;
    case "toggle":
      return <ToggleWidget {...props} widget={widget} />;
    case "text":
    case "save_name":
      return <TextWidget {...props} widget={widget} />;
    case "multiline":
      return <MultilineWidget {...props} widget={widget} />;
    case "color":
      return <ColorWidget {...props} widget={widget} />;
    case "choice":
      return <ChoiceWidget {...props} widget={widget} />;
    case "file":
      return <FileWidget {...props} widget={widget} />;
    case "many":
      return <ManyWidget {...props} widget={widget} />;
  }
}
