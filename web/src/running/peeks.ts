/** What went through the wires, asked of the server once. */

import { Refusal, getResult, type Result } from "../api";
import type { End } from "../document/document";

const MOST = 200;
const known = new Map<string, Result>();

const keyOf = (job: string, { node, socket }: End): string => JSON.stringify([job, node, socket]);

/** What is known already. */
export const seen = (job: string, end: End): Result | null => known.get(keyOf(job, end)) ?? null;

/** What an output of a job gave, or why that cannot be told (which may be otherwise the next time). */
export async function peek(job: string, end: End): Promise<Result | string> {
  try {
    const result = seen(job, end) ?? (await getResult(job, end.node, end.socket));
    const [oldest] = known.keys();
    if (known.size >= MOST && oldest !== undefined) known.delete(oldest);
    known.set(keyOf(job, end), result);
    return result;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.status === 404 ? "The result is no longer in memory." : error.message;
  }
}
