// As many as one resume can bring. What comes beyond it is dropped here, and asked for by one more resume after the ack.
const MAX_HELD = 1_000;

/**
 * One room's stream: delivers each durable event once and in order of its seq, and never past a hole. While a `subscribe` is under
 * way events are held back; a hole starts one.
 */
export class RoomStream {
  #delivery;
  #held = [];
  #dropped = false;
  #isOnNewConnection = false;

  /** Seq of the last delivered event (or where the stream starts); undefined until that is known. */
  position;
  epoch;

  /** Holes in a row that a resume did not close, to slow down then. */
  holes = 0;

  /**
   * @param {string} roomId
   * @param {{ position?: number, epoch?: string, isImplicit?: boolean }} start implicit: a direct room that nobody subscribed, whose
   *   events come by themselves
   * @param {import('./delivery.js').Delivery} delivery
   */
  constructor(roomId, { position, epoch, isImplicit = false }, delivery) {
    [this.roomId, this.position, this.epoch, this.isImplicit, this.#delivery] = [roomId, position, epoch, isImplicit, delivery];
    /** A `subscribe` is under way or due. */
    this.isAwaiting = !isImplicit;
    /** It was acknowledged once: from then on reconnects resume it. */
    this.isEstablished = isImplicit;
  }

  /** Forgotten while its events are being delivered: the rest is not told. */
  hasEnded = false;

  /** Takes a durable event. @returns {boolean} true when there is a hole before it, and a `subscribe` must be sent */
  offer(event) {
    if (this.isAwaiting) {
      this.#hold(event);
      return false;
    }
    if (this.position !== undefined) {
      if (event.seq <= this.position) return false;
      if (event.seq !== this.position + 1) {
        if (event.epoch === this.epoch) {
          this.holes++;
          this.beginSubscribe();
          this.#hold(event);
          return true;
        }
        this.reset(event.epoch, event.seq - 1);
      }
    }
    this.#deliver(event);
    return false;
  }

  /** From now on events are held until `accept`. */
  beginSubscribe() {
    this.isAwaiting = true;
  }

  /** A new connection: what was held comes again with the resume, which is due for a stream that was established. */
  beginConnection() {
    this.#dropHeld();
    if (!this.isEstablished) return;
    this.#isOnNewConnection = true;
    this.beginSubscribe();
  }

  /**
   * Takes the ack of `subscribe`, which carries exactly the events between the position and where live events go on.
   * @param {object} ack
   * @param {boolean} resumed nobody but this library reads the ack: a failed recovery is then told
   * @returns {boolean} true when there is a hole still, and another `subscribe` must be sent
   */
  accept(ack, resumed) {
    const events = ack.events ?? [];
    if (!events.every((event) => Number.isSafeInteger(event?.seq))) throw new TypeError('An event of a recovered gap has no seq.');
    const head = ack.head_seq ?? 0;
    [this.isAwaiting, this.isEstablished] = [false, true];
    if (ack.recovered === false) {
      if (resumed) this.reset(ack.epoch, head);
      else [this.position, this.epoch] = [head, ack.epoch];
    } else {
      this.epoch = ack.epoch ?? this.epoch;
      for (const missed of events) {
        if (missed.seq > (this.position ?? 0)) this.#deliver(missed);
      }
      this.position ??= head;
    }

    const [held, dropped] = [this.#held, this.#dropped];
    this.#dropHeld();
    let hole = false;
    for (const event of held) hole = this.offer(event) || hole;
    if (dropped && !hole) {
      // In a quiet room no later event would show it.
      this.holes++;
      this.beginSubscribe();
      hole = true;
    }
    if (hole) return true;
    this.holes = 0;
    if (this.#isOnNewConnection && !this.hasEnded) this.#delivery.post('resumed', { roomId: this.roomId });
    this.#isOnNewConnection = false;
    return false;
  }

  /** The numbering restarted: the stream goes on after this head, and what came before must be loaded again. */
  reset(epoch, head) {
    [this.epoch, this.position] = [epoch ?? this.epoch, head];
    this.#delivery.post('reset', { roomId: this.roomId, epoch: this.epoch, headSeq: head });
  }

  #deliver(event) {
    if (this.hasEnded) return;
    this.position = event.seq;
    this.epoch = event.epoch ?? this.epoch;
    this.#delivery.post('event', event);
  }

  #dropHeld() {
    [this.#held, this.#dropped] = [[], false];
  }

  #hold(event) {
    if (this.#held.length < MAX_HELD) this.#held.push(event);
    else this.#dropped = true;
  }
}
