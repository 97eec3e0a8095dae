<?php
/**
 * Leaves nothing behind: says goodbye to Relance, then removes tables, options, marks and counters on every site.
 *
 * @package Relance
 */

if ( ! defined( 'WP_UNINSTALL_PLUGIN' ) ) {
	exit;
}

defined( 'RELANCE_VERSION' ) || define( 'RELANCE_VERSION', '0.1.0' );
require_once __DIR__ . '/includes/class-relance-store.php';
require_once __DIR__ . '/includes/class-relance-wire.php';
require_once __DIR__ . '/includes/class-relance-admin.php';

if ( is_multisite() ) {
	$relance_all = array(
		'fields' => 'ids',
		'number' => 0,
	);
	foreach ( get_sites( $relance_all ) as $relance_site ) {
		switch_to_blog( $relance_site );
		Relance_Admin::say_goodbye();
		Relance_Store::remove();
		restore_current_blog();
	}
} else {
	Relance_Admin::say_goodbye();
	Relance_Store::remove();
}
