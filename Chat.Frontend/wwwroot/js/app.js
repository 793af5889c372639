// Starts the page: the circuit with its own way of reconnecting, and everything that must answer without it.
import { reconnectionHandler } from './circuit.js';
import './drawer.js';
import './keys.js';
import './menu.js';
// Loaded here, so that they are at hand when the first room is rendered.
import './composer.js';
import './timeline.js';

Blazor.start({ circuit: { reconnectionHandler } });
