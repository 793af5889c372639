// A use of everything that the library offers, as an application in TypeScript writes it. It is type-checked and never run.
import {
  ChatConnection, ChatError, uuidv7,
  type Attachment, type ChatEvent, type ChatOptions, type ClosedReason, type CommandOptions, type ConnectionState, type PresentUser,
  type Receipt, type RoomReset, type RoomResumed, type SendOptions, type SendProgress, type Subscription, type SubscriptionEnded,
} from '@chat/client';

const options: ChatOptions = {
  url: new URL('https://chat.example.org'),
  token: async ({ refused }) => (refused === undefined ? 'token' : null),
  WebSocket,
  fetch,
  reconnectBaseMs: 250,
  reconnectCapMs: 15_000,
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  maxPendingSends: 1_000,
};

export async function everything(): Promise<void> {
  const chat = new ChatConnection(options);
  const state: ConnectionState = chat.state;
  const who: string | undefined = chat.welcome?.user_id;

  const off: () => void = chat.on('event', (event: ChatEvent) => {
    const attachments: Attachment[] = event.attachments ?? [];
    console.log(event.seq, event.content, attachments[0]?.url, event.data);
  });
  chat.on('state', ({ status, attempt, retryInMs, reason, closedReason, closeCode }) => {
    const why: ClosedReason | undefined = closedReason;
    if (status === 'reconnecting') console.log(attempt, retryInMs, reason, closeCode, why);
  });
  chat.on('resumed', (resumed: RoomResumed) => console.log(resumed.roomId));
  chat.on('reset', (reset: RoomReset) => console.log(reset.roomId, reset.epoch, reset.headSeq));
  chat.on('ended', (ended: SubscriptionEnded) => console.log(ended.roomId, ended.reason));
  chat.on('error', (error: Error) => console.error(error.message));
  // @ts-expect-error There is nothing of this name.
  chat.on('message', () => {});
  off();

  await chat.start();
  const command: CommandOptions = { signal: new AbortController().signal };
  const subscription: Subscription = await chat.subscribe('lobby', { sinceSeq: 7, epoch: '0', ...command });
  const missed: ChatEvent[] = subscription.recovered ? subscription.events : [];
  console.log(state.status, who, missed.length, subscription.headSeq, subscription.firstSeq, subscription.epoch);

  const send: SendOptions = {
    clientId: uuidv7(),
    replyTo: 'e1',
    contentType: 'text/markdown',
    attachments: ['m1'],
    onProgress: ({ stage, code, retryInMs, clientId }: SendProgress) => console.log(stage, code, retryInMs, clientId),
    ...command,
  };
  const receipt: Receipt = await chat.send('lobby', 'Hello', send);
  await chat.sendDirect('u2', 'psst', send);
  await chat.sendData('lobby', JSON.stringify({ x: 1 }));
  chat.sendEphemeral('lobby', '{}');
  await chat.edit('lobby', receipt.eventId, 'Hello!');
  await chat.react('lobby', receipt.eventId, '👍', { remove: true, ...send });
  await chat.delete('lobby', receipt.eventId);
  console.log(receipt.roomId, receipt.seq, receipt.epoch, receipt.timestamp);
  // @ts-expect-error Content is text.
  await chat.send('lobby', { text: 'Hello' });

  const page = await chat.history('lobby', { beforeSeq: 9, afterSeq: 1, limit: 50, state: true });
  console.log(page.events.length, page.headSeq, page.hasMore);
  const { count, users, hasMore } = await chat.presence('lobby', { limit: 10, after: 'u1' });
  const first: PresentUser | undefined = users[0];
  console.log(count, first?.status, first?.last_seen, hasMore);
  chat.typing('lobby');
  chat.typing('lobby', false);
  const read = await chat.read('lobby', 7, { markUnread: true });
  console.log(read.roomId, read.seq, read.unread);
  chat.unsubscribe('lobby');

  try {
    await chat.close();
  } catch (error) {
    if (error instanceof ChatError) console.log(error.code, error.retryAfterMs);
  }
  throw new ChatError('unavailable', 'Try again.', 500);
}
