/**
 * Desired objects and the informer's copies come in; only what differs is written, server-side;
 * what is no longer desired is removed.
 */
@NullMarked
package dev.koyomi.operator.apply;

import org.jspecify.annotations.NullMarked;
