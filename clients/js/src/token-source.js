import { ChatError } from './chat-error.js';
import { orAborted } from './waiting.js';

/**
 * Asks the application for access tokens, one question at a time: a refresh token is good for one use, and two refreshes at once would
 * end the session. Who asks meanwhile gets the same answer.
 */
export class TokenSource {
  #token;
  #asking;

  /** @param {import('./index.js').ChatOptions['token']} token */
  constructor(token) {
    this.#token = token;
  }

  /**
   * @param {string | undefined} refused a token that the server no longer takes
   * @param {AbortSignal} signal ends the wait, not the question
   * @returns {Promise<string | null | undefined>} nothing when nobody is signed in
   */
  async ask(refused, signal) {
    const shared = this.#asking;
    const token = await orAborted(shared ?? this.#question(refused), signal);
    // The earlier question did not know of the refusal.
    return shared && token && token === refused ? this.ask(refused, signal) : token;
  }

  #question(refused) {
    const answer = async () => {
      try {
        return await this.#token({ refused });
      } catch (error) {
        if (error instanceof ChatError && error.code === 'unauthorized') return null;
        throw error;
      } finally {
        this.#asking = undefined;
      }
    };
    // Begun later, so that it is noted before it can end.
    return this.#asking = Promise.resolve().then(answer);
  }
}
