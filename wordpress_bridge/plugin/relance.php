<?php
/**
 * Plugin Name:       Relance
 * Description:       What happens on your site becomes the right text message, once: forms, members, carts, orders, new posts, opt-in by code.
 * Version:           0.1.0
 * Requires at least: 6.1
 * Requires PHP:      7.4
 * Author:            Relance
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/gpl-2.0.html
 * Text Domain:       relance
 * Domain Path:       /languages
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

define( 'RELANCE_VERSION', '0.1.0' );
define( 'RELANCE_FILE', __FILE__ );
define( 'RELANCE_DIR', plugin_dir_path( __FILE__ ) );

require_once RELANCE_DIR . 'includes/class-relance-store.php';
require_once RELANCE_DIR . 'includes/class-relance-wire.php';
require_once RELANCE_DIR . 'includes/class-relance-queue.php';
require_once RELANCE_DIR . 'includes/class-relance-forms.php';
require_once RELANCE_DIR . 'includes/class-relance-people.php';
require_once RELANCE_DIR . 'includes/class-relance-posts.php';
require_once RELANCE_DIR . 'includes/class-relance-optin.php';
require_once RELANCE_DIR . 'includes/class-relance-shop.php';
require_once RELANCE_DIR . 'includes/class-relance-coupons.php';
require_once RELANCE_DIR . 'includes/class-relance-login.php';
require_once RELANCE_DIR . 'includes/class-relance-privacy.php';
require_once RELANCE_DIR . 'includes/class-relance-routes.php';

register_activation_hook( __FILE__, array( 'Relance_Store', 'set_up' ) );

add_action(
	'init',
	static function () {
		// Sites outside the plugin directory get no language packs: the words travel with the plugin.
		load_plugin_textdomain( 'relance', false, dirname( plugin_basename( RELANCE_FILE ) ) . '/languages' );
	},
	1
);

add_action( 'plugins_loaded', array( 'Relance_Store', 'catch_up' ) );

Relance_Queue::hooks();
Relance_Forms::hooks();
Relance_People::hooks();
Relance_Posts::hooks();
Relance_Optin::hooks();
Relance_Shop::hooks();
Relance_Login::hooks();
Relance_Privacy::hooks();
Relance_Routes::hooks();

if ( is_admin() ) {
	require_once RELANCE_DIR . 'includes/class-relance-admin.php';
	Relance_Admin::hooks();
}
