/**
 * What has happened, for people and programs that only look: queries on the queue's tables come out
 * as rows; nothing is written.
 */
@NullMarked
package dev.koyomi.runner.history;

import org.jspecify.annotations.NullMarked;
