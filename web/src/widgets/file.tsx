import { own } from "../document/document";
import { useStore } from "../store";
import { ChoiceWidget } from "./choice";
import type { Kind, WidgetProps } from ".";

const NONE: readonly string[] = [];

/** The names of the files in a folder. */
export const useFiles = (folder: string): readonly string[] => useStore((state) => own(state.files, folder) ?? NONE);

export function FileWidget({ widget, ...props }: WidgetProps<Kind<"file">>) {
  return <ChoiceWidget {...props} widget={{ kind: "choice", options: useFiles(widget.folder) }} />;
}
