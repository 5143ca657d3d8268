// Asks the service: all that the page wants from a server goes through here, so that a page without a server replaces
// this file by web.js, which has the same functions. Knows nothing of the page.

import { Problem } from "./problem.js";

async function ask(path, signal, body) {
  const options = { signal };
  if (body) {
    const headers = { "content-type": "application/json" };
    Object.assign(options, { method: "POST", headers, body: JSON.stringify(body) });
  }
  try {
    const response = await fetch(`v1/${path}`, options);
    const answer = await response.json();
    if (response.ok) return answer;
    throw new Problem(answer.detail, answer.hint, response.status);
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Problem) throw error;
    throw new Problem("the service does not answer", "see whether it still runs, then try again");
  }
}

/** What is served, and what a question can name. */
export const models = () => ask("models");

/** Items whose titles fit `query`; those that most users met, without one. */
export const search = (query, { k, offset, signal }) =>
  ask(`items?${new URLSearchParams({ query, k, offset })}`, signal);

/** The best items for whoever `question` describes. */
export const recommend = (question, { signal }) => ask("recommendations", signal, question);

/** Items like the one called `id`. */
export const similar = (id, { k }) => ask(`items/${encodeURIComponent(id)}/similar?k=${k}`);
