<?php
/**
 * Plugin Name: Stand-in for the plugins that cannot be had here
 * Description: Calls the actions that Contact Form 7, WPForms, Gravity Forms and WooCommerce call, in their order and with their arguments. For tests only.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// A site in French, without WordPress's own French files.
add_filter(
	'locale',
	static function ( $locale ) {
		return get_option( 'stand_in_locale', $locale );
	}
);

// Contact Form 7 ----------------------------------------------------------------------------------------------------

class WPCF7_Tag {
	public $name;
	public $basetype;
	public $content;
	public function __construct( $name, $basetype, $content = '' ) {
		$this->name     = $name;
		$this->basetype = $basetype;
		$this->content  = $content;
	}
}

class WPCF7_ContactForm {
	public static function find() {
		return array( new self() );
	}
	public function id() {
		return 5;
	}
	public function title() {
		return 'Nous contacter';
	}
	public function scan_form_tags() {
		return array(
			new WPCF7_Tag( 'your-name', 'text' ),
			new WPCF7_Tag( 'your-email', 'email' ),
			new WPCF7_Tag( 'your-tel', 'tel' ),
			new WPCF7_Tag( 'privacy', 'acceptance', 'J\'accepte la politique de confidentialité' ),
			new WPCF7_Tag( 'sms-ok', 'acceptance', 'J\'accepte de recevoir des offres par SMS' ),
			new WPCF7_Tag( '', 'submit' ),
		);
	}
}

class WPCF7_Submission {
	public static function get_instance() {
		return new self();
	}
	public function get_posted_data() {
		return wp_unslash( $_POST );
	}
}

add_action(
	'rest_api_init',
	static function () {
		register_rest_route(
			'stand-in/v1',
			'/feedback',
			array(
				'methods'             => 'POST',
				'permission_callback' => '__return_true',
				'callback'            => static function ( $request ) {
					$status = isset( $_POST['status'] ) ? sanitize_key( $_POST['status'] ) : 'mail_sent';
					do_action( 'wpcf7_submit', new WPCF7_ContactForm(), array( 'status' => $status ) );
					return array( 'status' => $status );
				},
			)
		);
		register_rest_route(
			'stand-in/v1',
			'/fire',
			array(
				'methods'             => 'POST',
				'permission_callback' => '__return_true',
				'callback'            => static function ( $request ) {
					$what = $request->get_param( 'what' );
					$with = $request->get_param( 'with' );
					if ( 'wpforms' === $what ) {
						do_action( 'wpforms_process_complete', $with['fields'], array(), $with['form'], 0 );
					} elseif ( 'gravity' === $what ) {
						do_action( 'gform_after_submission', $with['entry'], $with['form'] );
					} elseif ( 'shop' === $what ) {
						return stand_in_shop( $with );
					}
					return array( 'done' => true );
				},
			)
		);
	}
);

// WooCommerce -------------------------------------------------------------------------------------------------------

if ( get_option( 'stand_in_shop' ) ) {
	// phpcs:disable
	class WooCommerce {
		public $session;
		public $cart;
		public $customer;
	}

	class Stand_In_Session {
		private $id;
		private $data;
		public function __construct( $id ) {
			$this->id   = $id;
			$this->data = get_option( 'stand_in_session_' . $id, array() );
		}
		public function get( $name ) {
			return isset( $this->data[ $name ] ) ? $this->data[ $name ] : null;
		}
		public function set( $name, $value ) {
			$this->data[ $name ] = $value;
		}
		public function save_data() {
			update_option( 'stand_in_session_' . $this->id, $this->data, false );
		}
	}

	class Stand_In_Product {
		private $name;
		public function __construct( $name ) {
			$this->name = $name;
		}
		public function get_name() {
			return $this->name;
		}
	}

	class Stand_In_Customer {
		public $data = array();
		public function __call( $name, $arguments ) {
			$key = substr( $name, strlen( 'get_billing_' ) );
			return isset( $this->data[ $key ] ) ? $this->data[ $key ] : '';
		}
	}

	class Stand_In_Cart {
		public function lines() {
			$lines = WC()->session->get( 'cart' );
			return is_array( $lines ) ? $lines : array();
		}
		public function get_cart() {
			$cart = array();
			foreach ( $this->lines() as $product => $quantity ) {
				$cart[ $product ] = array(
					'product_id'   => $product,
					'variation_id' => 0,
					'variation'    => array(),
					'quantity'     => $quantity,
					'data'         => new Stand_In_Product( 'Th&eacute; n°' . $product ),
				);
			}
			do_action( 'woocommerce_cart_updated' );
			return $cart;
		}
		public function is_empty() {
			return array() === $this->lines();
		}
		public function add_to_cart( $product, $quantity = 1, $variation = 0, $choice = array(), $data = array() ) {
			if ( $product > 90 ) {
				return false;
			}
			$lines             = $this->lines();
			$lines[ $product ] = ( isset( $lines[ $product ] ) ? $lines[ $product ] : 0 ) + $quantity;
			WC()->session->set( 'cart', $lines );
			do_action( 'woocommerce_add_to_cart', 'key', $product, $quantity, $variation, $choice, $data );
			do_action( 'woocommerce_cart_updated' );
			return 'key';
		}
		public function empty_cart() {
			WC()->session->set( 'cart', array() );
			do_action( 'woocommerce_cart_emptied' );
		}
		public function get_applied_coupons() {
			return (array) WC()->session->get( 'coupons', array() );
		}
		public function apply_coupon( $coupon ) {
			if ( ! wc_get_coupon_id_by_code( $coupon ) ) {
				return false;
			}
			WC()->session->set( 'coupons', array_unique( array_merge( $this->get_applied_coupons(), array( strtolower( $coupon ) ) ) ) );
			do_action( 'woocommerce_applied_coupon', strtolower( $coupon ) );
			return true;
		}
		public function get_total( $context ) {
			return number_format( 12.5 * array_sum( $this->lines() ), 2, '.', '' );
		}
	}

	class Stand_In_Date {
		private $at;
		public function __construct( $at ) {
			$this->at = $at;
		}
		public function getTimestamp() {
			return $this->at;
		}
	}

	class Stand_In_Item {
		private $name;
		private $quantity;
		public function __construct( $name, $quantity ) {
			$this->name     = $name;
			$this->quantity = $quantity;
		}
		public function get_name() {
			return $this->name;
		}
		public function get_quantity() {
			return $this->quantity;
		}
	}

	class WC_Order {
		public $id;
		public $data;
		public function __construct( $id ) {
			$this->id   = $id;
			$this->data = get_option( 'stand_in_order_' . $id, array() );
		}
		public function save() {
			update_option( 'stand_in_order_' . $this->id, $this->data, false );
		}
		public function get_id() {
			return $this->id;
		}
		public function get_type() {
			return 'shop_order';
		}
		public function get_items() {
			$items = array();
			foreach ( (array) $this->data['lines'] as $product => $quantity ) {
				$items[] = new Stand_In_Item( 'Th&eacute; n°' . $product, $quantity );
			}
			return $items;
		}
		public function get_date_created() {
			return new Stand_In_Date( $this->data['created'] );
		}
		public function get_meta( $name ) {
			return isset( $this->data['meta'][ $name ] ) ? $this->data['meta'][ $name ] : '';
		}
		public function update_meta_data( $name, $value ) {
			$this->data['meta'][ $name ] = $value;
		}
		public function get_order_number() {
			return 'C-' . $this->id;
		}
		public function get_coupon_codes() {
			return array( '7kxq4mbd' );
		}
		public function get_customer_id() {
			return 0;
		}
		public function needs_payment() {
			return 'pending' === $this->data['status'];
		}
		public function get_checkout_payment_url() {
			return home_url( '/pay/' );
		}
		public function get_view_order_url() {
			return home_url( '/order/' );
		}
		public function __call( $name, $arguments ) {
			$key = str_replace( array( 'get_billing_', 'get_' ), '', $name );
			return isset( $this->data[ $key ] ) ? $this->data[ $key ] : '';
		}
	}

	// A coupon is a post whose title is its code, as in the real shop.
	class WC_Coupon {
		private $id;
		private $data = array();
		private $meta = array();
		public function __construct( $id = 0 ) {
			$this->id = (int) $id;
			if ( $this->id ) {
				$this->data = array( 'code' => get_the_title( $this->id ) ) + (array) get_post_meta( $this->id, 'stand_in', true );
			}
		}
		public function get_id() {
			return $this->id;
		}
		public function get_meta( $name ) {
			return isset( $this->meta[ $name ] ) ? $this->meta[ $name ] : get_post_meta( $this->id, $name, true );
		}
		public function update_meta_data( $name, $value ) {
			$this->meta[ $name ] = $value;
		}
		public function get_date_expires() {
			return isset( $this->data['date_expires'] ) ? new Stand_In_Date( $this->data['date_expires'] ) : null;
		}
		public function __call( $name, $arguments ) {
			$this->data[ substr( $name, strlen( 'set_' ) ) ] = $arguments[0];
		}
		public function save() {
			if ( ! $this->id ) {
				$this->id = wp_insert_post( array( 'post_type' => 'shop_coupon', 'post_status' => 'publish', 'post_title' => $this->data['code'] ) );
			}
			update_post_meta( $this->id, 'stand_in', $this->data );
			update_post_meta( $this->id, 'date_expires', isset( $this->data['date_expires'] ) ? $this->data['date_expires'] : '' );
			update_post_meta( $this->id, 'usage_count', isset( $this->data['usage_count'] ) ? $this->data['usage_count'] : 0 );
			foreach ( $this->meta as $name => $value ) {
				update_post_meta( $this->id, $name, $value );
			}
			return $this->id;
		}
		public function delete( $force = false ) {
			wp_delete_post( $this->id, $force );
		}
	}

	function wc_get_coupon_id_by_code( $code ) {
		$found = get_posts( array( 'post_type' => 'shop_coupon', 'title' => $code, 'fields' => 'ids' ) );
		return $found ? $found[0] : 0;
	}

	function WC() {
		static $shop = null;
		if ( null === $shop ) {
			$shop = new WooCommerce();
		}
		return $shop;
	}

	function wc_load_cart() {
		$id = isset( $_COOKIE['stand_in'] ) ? sanitize_key( $_COOKIE['stand_in'] ) : '';
		if ( '' !== $id && ! WC()->session ) {
			WC()->session  = new Stand_In_Session( $id );
			WC()->cart     = new Stand_In_Cart();
			WC()->customer = new Stand_In_Customer();
			add_action( 'shutdown', array( WC()->session, 'save_data' ), 20 );
		}
	}

	function wc_get_order( $id ) {
		return get_option( 'stand_in_order_' . $id ) ? new WC_Order( $id ) : false;
	}

	function wc_get_orders( $query ) {
		return array();
	}

	function get_woocommerce_currency() {
		return 'EUR';
	}

	function wc_get_checkout_url() {
		return home_url( '/checkout/' );
	}

	function wc_add_notice( $words, $type ) {
		WC()->session->set( 'notice', $words );
	}

	function is_checkout() {
		return isset( $_GET['checkout'] );
	}

	function woocommerce_register_additional_checkout_field( $field ) {
		$GLOBALS['stand_in_field'] = $field;
	}

	function stand_in_shop( $with ) {
		wc_load_cart();
		switch ( $with['do'] ) {
			case 'add':
				WC()->cart->add_to_cart( (int) $with['product'], 1 );
				break;
			case 'read':
				WC()->cart->get_cart();
				break;
			case 'empty':
				WC()->cart->empty_cart();
				break;
			case 'review':
				do_action( 'woocommerce_checkout_update_order_review', $with['posted'] );
				break;
			case 'block':
				$customer       = WC()->customer;
				$customer->data = $with['billing'];
				$request        = new WP_REST_Request( 'POST', '/wc/store/v1/cart/update-customer' );
				if ( isset( $with['fields'] ) ) {
					$request->set_param( 'additional_fields', $with['fields'] );
				}
				do_action( 'woocommerce_store_api_cart_update_customer_from_request', $customer, $request );
				break;
			case 'order':
				$order       = new WC_Order( (int) $with['order'] );
				$order->data = $with['billing'] + array(
					'status'   => 'pending',
					'created'  => time(),
					'lines'    => WC()->cart->lines(),
					'total'    => WC()->cart->get_total( 'edit' ),
					'currency' => 'EUR',
					'meta'     => isset( $with['meta'] ) ? $with['meta'] : array(),
				);
				do_action( 'woocommerce_checkout_create_order', $order, array( 'relance_sms' => ! empty( $with['box'] ) ) );
				$order->save();
				do_action( 'woocommerce_new_order', $order->id, $order );
				if ( 'block' === $with['checkout'] ) {
					do_action( 'woocommerce_store_api_checkout_order_processed', wc_get_order( $order->id ) );
				} else {
					do_action( 'woocommerce_checkout_order_processed', $order->id, array(), $order );
				}
				WC()->cart->empty_cart();
				break;
			case 'status':
				$order                 = new WC_Order( (int) $with['order'] );
				$from                  = $order->data['status'];
				$order->data['status'] = $with['status'];
				$order->save();
				do_action( 'woocommerce_order_status_' . $with['status'], $order->id, $order );
				do_action( 'woocommerce_order_status_changed', $order->id, $from, $with['status'], $order );
				break;
		}
		return array(
			'coupons' => WC()->cart ? WC()->cart->get_applied_coupons() : array(),
			'lines'  => WC()->cart ? WC()->cart->lines() : array(),
			'cart'   => WC()->session ? WC()->session->get( 'relance_cart' ) : '',
			'notice' => WC()->session ? WC()->session->get( 'notice' ) : '',
			'field'  => isset( $GLOBALS['stand_in_field'] ) ? $GLOBALS['stand_in_field'] : null,
		);
	}

	add_action( 'plugins_loaded', static function () {
		do_action( 'before_woocommerce_init' );
	}, 20 );
	add_action( 'init', static function () {
		register_post_type( 'shop_coupon' );
		if ( ! is_admin() ) {
			wc_load_cart();
		}
		do_action( 'woocommerce_init' );
	}, 5 );
	// phpcs:enable
}
