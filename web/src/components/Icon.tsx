const PATHS = {
  undo: "M6 4 2.5 7.5 6 11M3 7.5h6.5a3.5 3.5 0 0 1 0 7H7",
  redo: "M10 4l3.5 3.5L10 11M13 7.5H6.5a3.5 3.5 0 0 0 0 7H9",
  tidy: "M2 3h4v4H2zM2 10h4v3H2zM10 3h4v3h-4zM10 9h4v4h-4zM6 5h4M6 11h4",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  run: "M5 3l8 5-8 5z",
  close: "M4 4l8 8M12 4l-8 8",
  menu: "M2 4h12M2 8h12M2 12h12",
  plus: "M8 3v10M3 8h10",
  fold: "M5 6l3 3 3-3",
  note: "M3 2.5h10v7L9.5 13H3zM9.5 13V9.5H13",
  queue: "M2 3.5h12M2 8h12M2 12.5h7M12 11v3M10.5 12.5h3",
  gallery: "M2 3h12v10H2zM2 11l3.5-3.5L9 11l2-2 3 3M10.5 6.5h.01",
  json: "M6 2.5C4 2.5 5 7 3 8c2 1 1 5.5 3 5.5M10 2.5c2 0 1 4.5 3 5.5-2 1-1 5.5-3 5.5",
  history: "M2.5 8A5.5 5.5 0 1 0 4 4.2L2.5 5.8M2.5 2.5v3.3h3.3M8 5v3.2l2.2 1.6",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4",
  pause: "M5 3v10M11 3v10",
  again: "M13 8a5 5 0 1 1-1.5-3.6M13 2.5v3h-3",
  star: "M8 2l1.8 3.8 4.2.5-3.1 2.9.8 4.1L8 11.3l-3.7 2 .8-4.1L2 6.3l4.2-.5z",
  folder: "M2 4h4l1.5 2H14v7H2z",
  upload: "M8 11V3M4.5 6.5 8 3l3.5 3.5M2.5 13h11",
  trash: "M3 4.5h10M6 4.5V3h4v1.5M4.5 4.5l.5 9h6l.5-9",
  first: "M3 2.5h10M8 14V6M4.5 9.5 8 6l3.5 3.5",
  left: "M10 3 5 8l5 5",
  right: "M6 3l5 5-5 5",
  swap: "M2 5.5h10M9.5 3 12 5.5 9.5 8M14 10.5H4M6.5 8 4 10.5 6.5 13",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  go: "M3 8h10M9 4l4 4-4 4",
  check: "M3 8.5l3.5 3.5L13 4.5",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5.3a2.5 2.5 0 0 1 5 0v2.2",
  shuffle: "M2 4.5h2.5l6 7H14M2 11.5h2.5l2-2.3M9 6.8l1.5-2.3H14M12 2.5l2 2-2 2M12 9.5l2 2-2 2",
  next: "M1.5 8h6M4.5 5v6M10 5.5 12.5 4v8.5",
  dice: "M4.5 2h7A2.5 2.5 0 0 1 14 4.5v7a2.5 2.5 0 0 1-2.5 2.5h-7A2.5 2.5 0 0 1 2 11.5v-7A2.5 2.5 0 0 1 4.5 2zM5.5 5.5h.01M10.5 5.5h.01M8 8h.01M5.5 10.5h.01M10.5 10.5h.01",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className={`glyph glyph-${name}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
