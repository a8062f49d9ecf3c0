import { useEffect, useState } from "react";

import { look, openPicture } from "../actions/jobs";
import { assetUrl, getAsset } from "../api";
import { shotsOf } from "../running/jobs";
import type { Artifact } from "../running/run";
import { sheet, useStore } from "../store";
import { beside, type Size } from "../layout/zoom";
import { Icon } from "./Icon";
import { Thumb } from "./Thumb";
import { Comparison } from "./Comparison";
import { Zoomable } from "./Zoomable";
import { Dialog } from "./dialogs/Dialog";
import { useJobs } from "./panels/useJobs";

const close = () => look();

/** Looks at one picture at large, or at two side by side. */
export function Viewer() {
  const shown = useStore((state) => state.compare);
  if (shown.length === 0) return null;
  return <Opened shown={shown} />;
}

/** The pictures that belong together: those of the workflow's run, where it is one of them, or else all. */
function usePictures(id: string): readonly Artifact[] {
  const panel = useStore((state) => state.panel);
  const { jobs } = useJobs();
  const made = Object.values(sheet().run.pictures).flat();
  const all = shotsOf(jobs ?? []).map(({ picture }) => picture);
  return panel !== "gallery" && made.length > 1 && made.some((each) => each.id === id) ? made : all;
}

/** The name of a picture that no list has. */
function useName(id: string, known: string | undefined): string {
  const [found, setFound] = useState<{ readonly id: string; readonly name: string } | null>(null);
  const isKnown = known !== undefined;
  useEffect(() => {
    if (!isKnown) void getAsset(id).then(({ name }) => setFound({ id, name }), () => null);
  }, [id, isKnown]);
  return known ?? (found?.id === id ? found.name : "");
}

const isMine = (target: EventTarget | null): boolean => target instanceof HTMLElement && target.closest("input") !== null;

function Opened({ shown }: { readonly shown: readonly string[] }) {
  const [id = "", other] = shown;
  const pictures = usePictures(id);
  const of = (wanted: string) => pictures.find((each) => each.id === wanted)?.name;
  const name = useName(id, of(id));
  const otherName = useName(other ?? id, of(other ?? id));
  const ids = pictures.map((each) => each.id);
  const [last, next] = other === undefined ? [beside(ids, id, -1), beside(ids, id, 1)] : [null, null];
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const to = event.key === "ArrowLeft" ? last : event.key === "ArrowRight" ? next : null;
      if (to === null || isMine(event.target)) return;
      event.preventDefault();
      look(to);
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [last, next]);
  return (
    <Dialog title={other === undefined ? name || "Picture" : "Compare"} className="viewer" onClose={close}>
      {other === undefined ? (
        <Single id={id} name={name} pictures={pictures} last={last} next={next} />
      ) : (
        <Comparison left={{ id, name }} right={{ id: other, name: otherName }} />
      )}
    </Dialog>
  );
}

interface SingleProps {
  readonly id: string;
  readonly name: string;
  readonly pictures: readonly Artifact[];
  readonly last: string | null;
  readonly next: string | null;
}

function Single({ id, name, pictures, last, next }: SingleProps) {
  const [size, setSize] = useState<Size | null>(null);
  const [choosing, setChoosing] = useState(false);
  const others = pictures.filter((each) => each.id !== id);
  return (
    <>
      <Zoomable key={id} id={id} name={name} onSize={setSize}>
        <Step to={last} side="left" title="Picture before" />
        <Step to={next} side="right" title="Next picture" />
      </Zoomable>
      {choosing && <Others pictures={others} onChoose={(other) => look(id, other)} />}
      <footer>
        <span className="soft">{size ? `${size.width} × ${size.height} pixels` : ""}</span>
        <span className="space" />
        <button type="button" className="button" aria-expanded={choosing} disabled={others.length === 0} onClick={() => setChoosing(!choosing)}>Compare with …</button>
        <button type="button" className="button" onClick={() => void openPicture(id)}>Open its workflow</button>
        <a className="button primary" href={assetUrl(id)} download={name.replace(/^.*\//, "") || "picture.png"}>Save</a>
      </footer>
    </>
  );
}

function Step({ to, side, title }: { readonly to: string | null; readonly side: "left" | "right"; readonly title: string }) {
  return (
    <button type="button" className={`icon step ${side}`} aria-label={title} data-help={title} disabled={to === null} onClick={() => to !== null && look(to)}>
      <Icon name={side} />
    </button>
  );
}

function Others({ pictures, onChoose }: { readonly pictures: readonly Artifact[]; readonly onChoose: (id: string) => void }) {
  return (
    <ul className="others" aria-label="Compare with">
      {pictures.map((picture) => (
        <li key={picture.id}>
          <button type="button" aria-label={`Compare with ${picture.name}`} onClick={() => onChoose(picture.id)}><Thumb picture={picture} /></button>
        </li>
      ))}
    </ul>
  );
}
