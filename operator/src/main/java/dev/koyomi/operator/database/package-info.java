/**
 * A Secret comes in; the queue in its database is registered with, swept and looked at, and changes
 * are told.
 */
@NullMarked
package dev.koyomi.operator.database;

import org.jspecify.annotations.NullMarked;
