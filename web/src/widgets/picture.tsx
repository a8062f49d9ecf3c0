import { useRef, useState, type DragEvent } from "react";

import { isPicture, sendPicture } from "../actions/images";
import { inputThumbnail } from "../api";
import { Icon } from "../components/Icon";
import { FileWidget, useFiles } from "./file";
import type { Kind, WidgetProps } from ".";

const SIZE = 256;

const carriesFile = (event: DragEvent): boolean => event.dataTransfer.types.includes("Files");

/** A picture that people bring along: the chosen one is seen, another may be dropped on it. */
export function PictureWidget(props: WidgetProps<Kind<"file">>) {
  const { label, value, widget, onChange, onSettle } = props;
  const names = useFiles(widget.folder);
  const field = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState(false);
  const short = label.split(": ", 1)[0] ?? label;
  const take = async (file: File | undefined) => {
    if (!file) return;
    setBusy(true);
    const name = await sendPicture(file);
    setBusy(false);
    if (name === null) return;
    onSettle();
    onChange(name);
    onSettle();
  };
  const drop = (event: DragEvent) => {
    setOver(false);
    const file = [...event.dataTransfer.files].find(isPicture);
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    void take(file);
  };
  return (
    <span
      className="picture-file" onDrop={drop} onDragOver={(event) => carriesFile(event) && setOver(true)} onDragLeave={() => setOver(false)}
    >
      <span className="pair">
        <FileWidget {...props} />
        <button
          type="button" className="icon small nodrag" aria-label={`Upload a picture for ${short}`} data-help="Upload a picture"
          onClick={() => field.current?.click()}
        >
          <Icon name="upload" />
        </button>
      </span>
      <input
        ref={field} type="file" accept="image/png,image/jpeg,image/webp" hidden aria-label={`Picture for ${short}`}
        onChange={(event) => {
          void take(event.target.files?.[0]);
          event.target.value = "";
        }}
      />
      <span className={`thumb ${over ? "over" : ""}`}>
        {over || busy ? <small>{over ? "Drop it here" : "Sending …"}</small> : <Thumb name={value} names={names} />}
      </span>
    </span>
  );
}

function Thumb({ name, names }: { readonly name: unknown; readonly names: readonly string[] }) {
  if (typeof name === "string" && names.includes(name)) return <img key={name} src={inputThumbnail(name, SIZE)} alt={name} draggable={false} />;
  return <small>{typeof name === "string" && name !== "" ? "There is no such file." : "Drop a picture here, or paste one."}</small>;
}
