/** Whether the process lives and is ready comes in, HTTP answers for the kubelet go out. */
@NullMarked
package dev.koyomi.operator.probes;

import org.jspecify.annotations.NullMarked;
