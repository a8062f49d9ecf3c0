import type { Json } from "../json";
import type { Kind, WidgetProps } from ".";

export function ChoiceWidget({ id, label, widget, value, invalid, onChange, onSettle }: WidgetProps<Kind<"choice">>) {
  const at = widget.options.findIndex((option) => option === value);
  const choose = (index: string) => {
    onSettle();
    onChange(widget.options[Number(index)] ?? value);
    onSettle();
  };
  return (
    <select
      id={id}
      className="field nodrag"
      aria-label={label}
      aria-invalid={invalid || at < 0}
      value={at}
      onChange={(event) => choose(event.target.value)}
    >
      {at < 0 && <option value={-1}>{name(value)}</option>}
      {widget.options.map((option, index) => (
        <option key={name(option)} value={index}>
          {name(option)}
        </option>
      ))}
    </select>
  );
}

const name = (option: Json): string => (typeof option === "string" ? option : JSON.stringify(option));
