const PATHS = {
  undo: "M6 4 2.5 7.5 6 11M3 7.5h6.5a3.5 3.5 0 0 1 0 7H7",
  redo: "M10 4l3.5 3.5L10 11M13 7.5H6.5a3.5 3.5 0 0 0 0 7H9",
  tidy: "M2 3h4v4H2zM2 10h4v3H2zM10 3h4v3h-4zM10 9h4v4h-4zM6 5h4M6 11h4",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  run: "M5 3l8 5-8 5z",
  close: "M4 4l8 8M12 4l-8 8",
} as const;

export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg className={`glyph ${name}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
