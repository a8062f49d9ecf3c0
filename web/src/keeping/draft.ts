/** What is being written in place of a workflow: a text that may say none for a while, and is never lost. */

import type { Document } from "../document/document";
import { apply, diff } from "../document/patch";
import { NotAWorkflow, asDocument, readDocument } from "../document/reading";
import { lineOf, lineStarts, scan } from "../document/scan";

export interface Wrong {
  readonly at: number;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  readonly reason: string;
}
export interface Draft {
  readonly text: string;
  /** The document that the text last said. */
  readonly said: Document;
  /** Why it says none now. */
  readonly wrong: Wrong | null;
  /** Whether it has not been read since it was changed. */
  readonly unread: boolean;
}

/** Whether a text is to be shown as it was written, and not as the workflow would be. */
export const holds = (draft: Draft, present: Document): boolean => draft.wrong !== null || draft.unread || draft.said === present;

/** What a text makes of the workflow. What it does not change stays as it is, even where the workflow has changed meanwhile. */
export function read({ text, said }: Draft, present: Document): Document | Wrong {
  let mine: Document;
  try {
    mine = readDocument(text);
  } catch (error) {
    if (!(error instanceof NotAWorkflow)) throw error;
    return wrongIn(text, error);
  }
  return (said !== present && merged(said, mine, present)) || apply(diff(present, mine), present);
}

function merged(said: Document, mine: Document, present: Document): Document | null {
  try {
    const both = apply(diff(said, mine), present);
    asDocument(both);
    return both;
  } catch {
    return null; // both have changed the same: the text is what people look at
  }
}

function wrongIn(text: string, { node, message }: NotAWorkflow): Wrong {
  const { fault, places } = scan(text);
  const { at, reason } = fault ?? { at: places.find((place) => place.node === node)?.from ?? 0, reason: message };
  const starts = lineStarts(text);
  const line = lineOf(starts, at);
  return { at, line: line + 1, column: at - (starts[line] ?? 0) + 1, reason };
}
