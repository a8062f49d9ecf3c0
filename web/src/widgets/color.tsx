import { useState } from "react";

import { hexOf } from "./colors";
import { digits } from "./numbers";
import type { Kind, WidgetProps } from ".";

export function ColorWidget({ id, label, value, invalid, onChange, onSettle }: WidgetProps<Kind<"color">>) {
  const [draft, setDraft] = useState<string | null>(null);
  const hex = typeof value === "string" ? hexOf(value) : null;
  // What is being typed, as long as it stands for the value: undo may have changed that.
  const shown = draft !== null && (hexOf(draft) ?? draft) === value ? draft : digits(value);
  return (
    <span className="pair">
      <input
        type="color" className="swatch nodrag" aria-label={`${label}, chosen by eye`} value={hex ?? "#000000"}
        onChange={(event) => onChange(event.target.value)} onBlur={onSettle}
      />
      <input
        id={id} className="field hex nodrag" aria-label={label} aria-invalid={invalid || hex === null} autoComplete="off"
        spellCheck={false} maxLength={9} value={shown}
        onChange={(event) => {
          setDraft(event.target.value);
          onChange(hexOf(event.target.value) ?? event.target.value);
        }}
        onBlur={() => {
          setDraft(null);
          onSettle();
        }}
      />
    </span>
  );
}
