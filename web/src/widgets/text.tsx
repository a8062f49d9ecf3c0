import { digits } from "./numbers";
import type { Kind, WidgetProps } from ".";

export function TextWidget({ id, label, value, invalid, onChange, onSettle }: WidgetProps<Kind<"text"> | Kind<"save_name">>) {
  return (
    <input
      id={id}
      className="field nodrag"
      aria-label={label}
      aria-invalid={invalid}
      autoComplete="off"
      spellCheck={false}
      value={digits(value)}
      onChange={(event) => onChange(event.target.value)}
      onBlur={onSettle}
    />
  );
}
