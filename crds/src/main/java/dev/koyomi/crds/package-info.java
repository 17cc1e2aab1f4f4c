/**
 * The custom resource as Java records that mirror the YAML word for word: their annotations come
 * in, the CRD in {@code crds/generated} goes out ({@code mvn verify -pl crds
 * -Dkoyomi.update=true}). What a manifest means is read in {@code plan}.
 */
@NullMarked
package dev.koyomi.crds;

import org.jspecify.annotations.NullMarked;
