import type { Kind, WidgetProps } from ".";

export function ColorWidget({ id, label, value, invalid, onChange, onSettle }: WidgetProps<Kind<"color">>) {
  return (
    <input
      id={id}
      type="color"
      className="swatch nodrag"
      aria-label={label}
      aria-invalid={invalid}
      value={typeof value === "string" ? value : "#000000"}
      onChange={(event) => onChange(event.target.value)}
      onBlur={onSettle}
    />
  );
}
