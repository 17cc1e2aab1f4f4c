/**
 * The operator's environment comes in, {@link dev.koyomi.operator.settings.OperatorSettings} or
 * every problem at once goes out.
 */
@NullMarked
package dev.koyomi.operator.settings;

import org.jspecify.annotations.NullMarked;
