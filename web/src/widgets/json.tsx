import { useState } from "react";

import { readJson, writeJson, type Json } from "../document/json";
import type { Kind, WidgetProps } from ".";

/** A list of lists, or what is no list though it should be, written as JSON. */
export function JsonWidget({ id, label, value, invalid, onChange, onSettle }: WidgetProps<Kind<"many">>) {
  const [draft, setDraft] = useState<string | null>(null);
  const type = (text: string) => {
    setDraft(text);
    try {
      onChange(readJson(text) as Json);
    } catch {
      onChange(text);
    }
  };
  return (
    <input
      id={id}
      className="field nodrag"
      aria-label={label}
      aria-invalid={invalid}
      spellCheck={false}
      value={draft ?? writeJson(value)}
      onChange={(event) => type(event.target.value)}
      onBlur={() => {
        setDraft(null);
        onSettle();
      }}
    />
  );
}
