import { digits } from "./numbers";
import type { Kind, WidgetProps } from ".";

export function MultilineWidget({ id, label, value, invalid, onChange, onSettle }: WidgetProps<Kind<"multiline">>) {
  return (
    <textarea
      id={id}
      className="field tall nodrag nowheel"
      aria-label={label}
      aria-invalid={invalid}
      placeholder="Nothing"
      spellCheck={false}
      value={digits(value)}
      onChange={(event) => onChange(event.target.value)}
      onBlur={onSettle}
    />
  );
}
