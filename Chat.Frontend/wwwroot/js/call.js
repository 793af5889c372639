/** Calls the server; a circuit that is down is a rejected promise, never an exception thrown at the caller. */
export async function call(server, method, ...values) {
  return await server.invokeMethodAsync(method, ...values);
}
