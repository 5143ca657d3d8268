/** Why there is no answer: what is wrong, and the way out. */
export class Problem extends Error {
  constructor(detail, hint, status) {
    super(detail);
    Object.assign(this, { hint, status });
  }
}
