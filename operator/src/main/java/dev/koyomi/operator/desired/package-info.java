/**
 * A plan comes in, the Kubernetes objects that carry it out go out: one class per object, no
 * client, no clock.
 */
@NullMarked
package dev.koyomi.operator.desired;

import org.jspecify.annotations.NullMarked;
