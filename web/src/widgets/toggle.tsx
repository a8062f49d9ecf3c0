import type { Kind, WidgetProps } from ".";

export function ToggleWidget({ id, label, value, invalid, onChange, onSettle }: WidgetProps<Kind<"toggle">>) {
  return (
    <input
      id={id}
      type="checkbox"
      role="switch"
      className="switch nodrag"
      aria-label={label}
      aria-invalid={invalid}
      checked={value === true}
      onChange={(event) => {
        onSettle();
        onChange(event.target.checked);
        onSettle();
      }}
    />
  );
}
