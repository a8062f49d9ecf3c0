import { own } from "../document";
import { useStore } from "../store";
import { ChoiceWidget } from "./choice";
import type { Kind, WidgetProps } from ".";

const NONE: readonly string[] = [];

export function FileWidget({ widget, ...props }: WidgetProps<Kind<"file">>) {
  const names = useStore((state) => own(state.files, widget.folder) ?? NONE);
  return <ChoiceWidget {...props} widget={{ kind: "choice", options: names }} />;
}
